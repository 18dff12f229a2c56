"""Tokenizers of SentencePiece's kind (Llama 2, CodeLlama, Gemma), as Lory reads and writes text.

A space is `▁`, and a byte of what has no token is `<0x0A>`. They take a text as one piece, and many
put a space in front of it; here it is split where no token reaches across, which leaves the ids as
they are, and nothing is put in front: a prompt's parts begin anywhere in a line.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lsp_server.engines.vocabulary import BYTE_TOKENS, SPACE
from trainer.errors import ImportModelError

PIECES = rf"[ {SPACE}]*[^ {SPACE}\n]+|[ {SPACE}]+|\n+"
"""What no token reaches across: a word with the spaces before it, spaces, line ends."""

NORMALIZER = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
PRE_TOKENIZER = {
    "type": "Split",
    "pattern": {"Regex": PIECES},
    "behavior": "Isolated",
    "invert": False,
}
DECODER = {
    "type": "Sequence",
    "decoders": [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ],
}


def is_spaced(tokenizer: Mapping[str, Any]) -> bool:
    """Whether a tokenizer.json is of this kind."""
    model = tokenizer.get("model") or {}
    return model.get("type") == "BPE" and bool(model.get("byte_fallback"))


def in_pieces(tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    """The same tokenizer, split by PIECES; ImportModelError where a token reaches across them."""
    added = {token["content"] for token in tokenizer.get("added_tokens") or []}
    whole = re.compile(PIECES)
    for text in tokenizer["model"]["vocab"]:
        if text not in added and not whole.fullmatch(text):
            raise ImportModelError(
                f"tokenizer: expected no token with a space or a line end behind text, found "
                f"{text!r:.40}; models with such a tokenizer cannot be imported yet"
            )
    return {
        **tokenizer,
        "normalizer": NORMALIZER,
        "pre_tokenizer": PRE_TOKENIZER,
        "decoder": DECODER,
    }


def merges_by_score(tokens: Sequence[str], scores: Iterable[float]) -> list[list[str]]:
    """The merges that give what SentencePiece does: the likeliest token that two others make."""
    known = set(tokens)
    ranked = sorted(zip(scores, range(len(tokens)), strict=True), key=lambda each: -each[0])
    return [
        [text[:at], text[at:]]
        for _, number in ranked
        for text in [tokens[number]]
        if text not in BYTE_TOKENS
        for at in range(1, len(text))
        if text[:at] in known and text[at:] in known
    ]
