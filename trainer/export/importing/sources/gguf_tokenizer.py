"""Rebuilds the tokenizer that a GGUF file describes, as tokenizer.json has it."""

from collections.abc import Mapping
from typing import Any

from trainer.errors import ImportModelError
from trainer.export.importing.sources.spaced import in_pieces, merges_by_score

UNKNOWN, CONTROL, USER_DEFINED = 2, 3, 4
"""Kinds of tokens: two of the model's own language, and text that is looked for first."""
SPECIAL = (UNKNOWN, CONTROL)

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def byte_level(*, use_regex: bool) -> dict[str, Any]:
    """Splits as GPT-2 does, or not at all, and writes bytes in its alphabet."""
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def after(first: dict[str, Any], *, use_regex: bool) -> dict[str, Any]:
    """Splits by `first`, and then by bytes."""
    return {"type": "Sequence", "pretokenizers": [first, byte_level(use_regex=use_regex)]}


def by_pattern(pattern: str) -> dict[str, Any]:
    """Splits into the matches of a pattern."""
    split = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    return after(split, use_regex=False)


DIGITS = after({"type": "Digits", "individual_digits": True}, use_regex=True)
SPLITS: dict[str, dict[str, Any]] = {
    "gpt-2": byte_level(use_regex=True),
    "smollm": DIGITS,
    "starcoder": DIGITS,
    "refact": DIGITS,
    "codeshell": DIGITS,
    "llama-bpe": by_pattern(LLAMA3),
    "llama3": by_pattern(LLAMA3),
    "qwen2": by_pattern(QWEN2),
}
"""By `tokenizer.ggml.pre`."""
NORMALIZED = {"qwen2": {"type": "NFC"}}


def read_tokenizer(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The tokenizer; ImportModelError for a kind that is not understood."""
    kind, pre = facts.get("tokenizer.ggml.model"), facts.get("tokenizer.ggml.pre", "gpt-2")
    if kind not in ("gpt2", "llama"):
        raise ImportModelError(
            "tokenizer.ggml.model: expected gpt2 or llama, which are BPE of bytes and "
            f"SentencePiece's, found {kind!r}; give the Hugging Face folder of the model"
        )
    if kind == "gpt2" and pre not in SPLITS:
        raise ImportModelError(
            f"tokenizer.ggml.pre: expected one of {', '.join(SPLITS)}, found {pre!r}; "
            "give the Hugging Face folder of the model"
        )
    tokens = list(facts["tokenizer.ggml.tokens"])
    kinds = list(facts.get("tokenizer.ggml.token_type") or [1] * len(tokens))
    if len(kinds) != len(tokens):
        raise ImportModelError(
            f"tokenizer.ggml.token_type: expected {len(tokens)} kinds, found {len(kinds)}"
        )
    model: dict[str, Any] = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": kind == "llama",
        "ignore_merges": pre in ("llama-bpe", "llama3"),
        "vocab": {text: at for at, text in enumerate(tokens)},
    }
    record = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            added_token(at, text, special=kinds[at] in SPECIAL, normalized=kind == "llama")
            for at, text in enumerate(tokens)
            if kinds[at] in (*SPECIAL, USER_DEFINED)
        ],
        "post_processor": None,
        "model": model,
    }
    if kind == "llama":
        model["merges"] = merges_by_score(tokens, read_scores(facts, len(tokens)))
        return in_pieces(record)
    model["merges"] = [merge.split(" ") for merge in facts["tokenizer.ggml.merges"]]
    split = {"normalizer": NORMALIZED.get(pre), "pre_tokenizer": SPLITS[pre]}
    return {**record, **split, "decoder": byte_level(use_regex=True)}


def read_scores(facts: Mapping[str, Any], count: int) -> list[float]:
    """How likely each of so many tokens is."""
    found = list(facts.get("tokenizer.ggml.scores") or [])
    if len(found) != count:
        raise ImportModelError(
            f"tokenizer.ggml.scores: expected {count} numbers, found {len(found)}"
        )
    return [float(score) for score in found]


def added_token(at: int, text: str, *, special: bool, normalized: bool) -> dict[str, Any]:
    """One token that is looked for before all others, in text or in its normalized form."""
    return {
        "id": at,
        "content": text,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": normalized and not special,
        "special": special,
    }
