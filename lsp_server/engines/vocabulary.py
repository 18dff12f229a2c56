"""Maps tokens to their bytes, and finds the tokens that may continue a partial word."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel
from lsp_server.errors import TokenizerError

SPACE = "\u2581"
"""Stands for a space where a tokenizer falls back to bytes, as SentencePiece's do."""
BYTE_TOKENS = {f"<0x{byte:02X}>": byte for byte in range(256)}
"""Their tokens for the bytes of what has none."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Bytes of every token, and the same sorted, for healing."""

    pieces: tuple[bytes, ...]
    """By token id; b"" for sentinels and for other special tokens, which stand for no text."""
    sorted_pieces: tuple[bytes, ...]
    """Without the empty ones."""
    sorted_ids: NDArray[np.int64]
    """Token ids parallel to `sorted_pieces`."""
    never_written: NDArray[np.int64]
    """Tokens without a text, but for the one that ends a completion."""

    def beginning(self, text: bytes) -> NDArray[np.int64]:
        """Ids of the tokens that can come next where `text` must come next.

        Those are the tokens that are a start of `text` and those that start with it; `text` is not
        empty. Never empty, as every single byte is a token.
        """
        starts = [self._find(text[:length]) for length in range(1, len(text))]
        low = bisect_left(self.sorted_pieces, text)
        high = bisect_right(self.sorted_pieces, text, key=lambda piece: piece[: len(text)])
        found = [at for at in starts if at is not None]
        return np.concatenate([self.sorted_ids[found], self.sorted_ids[low:high]])

    def _find(self, piece: bytes) -> int | None:
        at = bisect_left(self.sorted_pieces, piece)
        return at if self.sorted_pieces[at : at + 1] == (piece,) else None


def read_vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    """The vocabulary of a BPE tokenizer, at the level of bytes or one that falls back to them.

    Raises TokenizerError where ids have gaps, a token is not written in the byte alphabet, or one
    of the 256 bytes has no token of its own.
    """
    ids = tokenizer.get_vocab(with_added_tokens=True)
    if sorted(ids.values()) != list(range(len(ids))):
        raise TokenizerError(
            f"expected token ids 0 to {len(ids) - 1}, each once, found gaps or repeats; "
            "rebuild the tokenizer with: lory-train tokenizer"
        )
    pieces = [b""] * len(ids)
    spaced = bool(getattr(tokenizer.model, "byte_fallback", False))
    alphabet = {} if spaced else byte_alphabet()
    added = tokenizer.get_added_tokens_decoder()
    for text, token in ids.items():
        if token in added and added[token].special:
            continue
        if spaced:
            pieces[token] = spaced_bytes(text, ids)
        elif token in added:
            pieces[token] = added[token].content.encode()
        else:
            pieces[token] = token_bytes(text, alphabet)
    missing = {bytes([byte]) for byte in range(256)} - set(pieces)
    if missing:
        raise TokenizerError(
            f"expected a token for each of the 256 bytes, found none for {len(missing)} of them; "
            "rebuild the tokenizer with: lory-train tokenizer"
        )
    order = sorted((piece, token) for token, piece in enumerate(pieces) if piece)
    mute = [t for t, piece in enumerate(pieces) if not piece and t != Sentinel.END]
    return Vocabulary(
        pieces=tuple(pieces),
        sorted_pieces=tuple(piece for piece, _ in order),
        sorted_ids=np.array([token for _, token in order], np.int64),
        never_written=np.array(mute, np.int64),
    )


def token_bytes(text: str, alphabet: dict[str, int]) -> bytes:
    """Bytes of one token as tokenizer.json writes it."""
    try:
        return bytes(alphabet[character] for character in text)
    except KeyError as exc:
        raise TokenizerError(
            f"expected a byte-level tokenizer, found the token {text!r}; "
            "rebuild the tokenizer with: lory-train tokenizer"
        ) from exc


def spaced_bytes(text: str, known: Mapping[str, int]) -> bytes:
    """Bytes of one token of a tokenizer that falls back to bytes.

    b"" for a byte that is a token of its own as well: that one is written.
    """
    if text not in BYTE_TOKENS:
        return text.replace(SPACE, " ").encode()
    byte = BYTE_TOKENS[text]
    plain = SPACE if byte == 0x20 else chr(byte)
    return b"" if byte < 0x80 and plain in known else bytes([byte])


def byte_alphabet() -> dict[str, int]:
    """Character -> byte of byte-level BPE (GPT-2, Radford et al. 2019).

    Printable bytes of Latin-1 stand for themselves, the others for U+0100 and on, in their order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    shifted = {chr(0x100 + at): byte for at, byte in enumerate(others)}
    return {chr(byte): byte for byte in printable} | shifted
