"""Cuts documents into segments that fit a block, plain or for infilling.

A document that is too long for a block is cut, at line starts where it has lines. A segment that
ends where its document ends, or in a middle, ends with `<|end|>`; a plain one that was cut off does
not, since nothing ends there.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel, encode, header, last_piece, plain, psm, spm
from trainer.corpus.blocks.fim import heal, line_span, random_span
from trainer.corpus.config import PackingConfig

SegmentLayout = Literal["plain", "psm", "spm"]

SPARE = {"plain": 2, "psm": 8, "spm": 8}
"""Tokens kept free for the end token, more sentinels, and pieces that a cut splits in two."""

SHORTEST_LINE_CUT = 0.75
"""A cut moves back to a line start only if at least this share of the room stays filled."""


SHORTEST_PIECE = 48
"""Tokens; a document's first piece is not made shorter than this to move the other cuts."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one document that becomes one segment."""

    text: str
    path_ids: tuple[int, ...]
    order: SegmentLayout
    closes: bool
    """Whether the document ends here."""
    middle: tuple[int, int] = (0, 0)
    """Bounds of the middle in `text`; without meaning in plain order."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Token ids that stand together in one block."""

    ids: list[int]
    order: SegmentLayout
    text_bytes: int
    """UTF-8 bytes of source text that the ids stand for."""


@dataclass(frozen=True, slots=True)
class Source:
    """A document as the tokenizer sees it."""

    text: str
    ids: list[int]
    starts: list[int]
    """First character of every token."""
    path_ids: tuple[int, ...]


class Segmenter:
    """Cuts documents and lays their pieces out, by one tokenizer and one configuration."""

    def __init__(self, tokenizer: Tokenizer, config: PackingConfig) -> None:
        self.tokenizer = tokenizer
        self.config = config

    def segments(
        self, documents: Sequence[tuple[str, str]], rngs: Sequence[np.random.Generator]
    ) -> list[Segment]:
        """Segments of (path, text) pairs, all of a document's side by side and in its order."""
        sources = self.read(documents)
        pieces = [
            piece
            for source, rng in zip(sources, rngs, strict=True)
            for piece in self.cut(source, rng)
        ]
        parts = [part for piece in pieces for part in text_parts(piece)]
        encoded = iter(self.tokenizer.encode_batch_fast(parts, add_special_tokens=False))
        found: list[Segment] = []
        for piece in pieces:
            ids = lay_out(piece, [next(encoded).ids for _ in text_parts(piece)])
            found += self.fitting(piece, ids)
        return found

    def read(self, documents: Sequence[tuple[str, str]]) -> list[Source]:
        """Every document with its tokens; those too short to be cut are left untokenized."""
        paths = self.tokenizer.encode_batch_fast(
            [path for path, _ in documents], add_special_tokens=False
        )
        long = [text for _, text in documents if not self.surely_fits(text)]
        encoded = iter(self.tokenizer.encode_batch(long, add_special_tokens=False))
        sources = []
        for (_, text), path in zip(documents, paths, strict=True):
            path_ids = (
                tuple(path.ids[-self.config.max_path_tokens :])
                if self.config.max_path_tokens
                else ()
            )
            tokens = None if self.surely_fits(text) else next(encoded)
            ids = tokens.ids if tokens else []
            starts = [start for start, _ in tokens.offsets] if tokens else []
            sources.append(Source(text, ids, starts, path_ids))
        return sources

    def surely_fits(self, text: str) -> bool:
        """Whether a block holds `text` whatever its tokens: each stands for at least one byte."""
        return len(text.encode()) <= self.room("spm", self.config.max_path_tokens)

    def room(self, order: SegmentLayout, path_tokens: int) -> int:
        """Tokens of text that a segment of a block has place for."""
        head = len(header(range(path_tokens))) + len((Sentinel.PREFIX,))
        return self.config.block_tokens - head - SPARE[order]

    def cut(self, source: Source, rng: np.random.Generator) -> list[Piece]:
        """The document's pieces in order; together they are its text.

        Of a document that needs several, all but the first and the last fill a block. What is left
        over is divided between these two at random: so the cuts fall elsewhere every epoch, and the
        two pieces are short enough to share blocks with others.
        """
        pieces: list[Piece] = []
        start, first_token = 0, 0
        first_reach = int(
            rng.uniform() * (len(source.ids) % self.room("plain", len(source.path_ids)))
        )
        while start < len(source.text):
            path_ids = source.path_ids if rng.random() < self.config.path_rate else ()
            order = self.draw_order(rng)
            room = self.room(order, len(path_ids))
            if len(source.ids) - first_token > room:
                shortened = not pieces and first_reach >= SHORTEST_PIECE
                end = cut_place(source, start, first_reach if shortened else first_token + room)
            else:
                end = len(source.text)
            text = source.text[start:end]
            middle = (0, 0) if order == "plain" else self.draw_middle(text, rng)
            pieces.append(Piece(text, path_ids, order, end == len(source.text), middle))
            start, first_token = end, bisect_left(source.starts, end)
        return pieces

    def draw_order(self, rng: np.random.Generator) -> SegmentLayout:
        """Layout of the next segment."""
        if rng.random() >= self.config.fim_rate:
            return "plain"
        return "spm" if rng.random() < self.config.spm_share else "psm"

    def draw_middle(self, text: str, rng: np.random.Generator) -> tuple[int, int]:
        """Bounds of the middle, between characters of `text`."""
        if rng.random() < self.config.line_span_share:
            span = line_span(text, rng)
            if span:
                healed = rng.random() < self.config.heal_share
                return heal(span, text, self.last_piece) if healed else span
        return random_span(text, rng)

    def last_piece(self, prefix: str) -> str:
        """What a prompt that ends in `prefix` would leave to the completion."""
        return last_piece(self.tokenizer, prefix)

    def fitting(self, piece: Piece, ids: list[int]) -> list[Segment]:
        """The piece as one segment; as several plain ones where its cuts cost more than spared."""
        if len(ids) <= self.config.block_tokens:
            return [Segment(ids, piece.order, len(piece.text.encode()))]
        half = len(piece.text) // 2
        parts = [(piece.text, piece.closes)]
        if piece.order == "plain":
            parts = [(piece.text[:half], False), (piece.text[half:], piece.closes)]
        found: list[Segment] = []
        for text, closes in parts:
            part = Piece(text, piece.path_ids, "plain", closes)
            found += self.fitting(part, lay_out(part, [encode(self.tokenizer, text)]))
        return found


def cut_place(source: Source, start: int, reach: int) -> int:
    """End of the piece from character `start`, before token `reach`; a line start if near."""
    limit = source.starts[reach]
    if limit <= start:
        return start + 1
    line = source.text.rfind("\n", start, limit) + 1
    return line if line - start >= SHORTEST_LINE_CUT * (limit - start) else limit


def text_parts(piece: Piece) -> tuple[str, ...]:
    """What of a piece is tokenized apart: the whole text, or prefix, suffix and middle."""
    if piece.order == "plain":
        return (piece.text,)
    first, last = piece.middle
    return piece.text[:first], piece.text[last:], piece.text[first:last]


def lay_out(piece: Piece, parts: Sequence[list[int]]) -> list[int]:
    """Ids of a piece whose parts are tokenized, with the end token where the text ends."""
    if piece.order == "plain":
        ids = plain(piece.path_ids, parts[0])
        return [*ids, Sentinel.END] if piece.closes else ids
    prefix_ids, suffix_ids, middle_ids = parts
    layout = spm if piece.order == "spm" else psm
    return [*layout(piece.path_ids, prefix_ids, suffix_ids), *middle_ids, Sentinel.END]
