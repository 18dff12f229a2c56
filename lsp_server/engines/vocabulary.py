"""Maps tokens to their bytes, and finds the tokens that may continue a partial word."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel
from lsp_server.errors import TokenizerError


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
    """The vocabulary of a byte-level BPE tokenizer.

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
    alphabet = byte_alphabet()
    added = tokenizer.get_added_tokens_decoder()
    for text, token in ids.items():
        if token not in added:
            pieces[token] = token_bytes(text, alphabet)
        elif not added[token].special:
            pieces[token] = added[token].content.encode()
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


def byte_alphabet() -> dict[str, int]:
    """Character -> byte of byte-level BPE (GPT-2, Radford et al. 2019).

    Printable bytes of Latin-1 stand for themselves, the others for U+0100 and on, in their order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    shifted = {chr(0x100 + at): byte for at, byte in enumerate(others)}
    return {chr(byte): byte for byte in printable} | shifted
