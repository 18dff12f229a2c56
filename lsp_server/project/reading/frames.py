"""The messages from the indexing process to the server.

A frame is a kind, five counts and the arrays; the last one says that the work was done.
"""

import struct
from typing import IO

import numpy as np

from lsp_server.contract.recall import SEPARATOR
from lsp_server.errors import IndexingError
from lsp_server.project.index.segment import MOST_TOKENS, Segment
from lsp_server.project.index.store import Batch
from lsp_server.project.walk import MOST_FILES

BATCH, DONE = b"BTCH", b"DONE"
HEAD = struct.Struct("<4s5I")
LIMITS = (MOST_TOKENS, MOST_TOKENS, 4 * (SEPARATOR + 1), MOST_FILES, MOST_FILES)


def write_batch(stream: IO[bytes], batch: Batch) -> None:
    """Send one batch."""
    segment, names = batch.segment, batch.names
    sizes = (segment.tokens, len(segment.high), len(segment.buckets))
    counts = (*sizes, len(segment.digests), len(names))
    stream.write(HEAD.pack(BATCH, *counts))
    for part in (segment.stream, segment.low, segment.high, segment.buckets):
        stream.write(part)
    stream.write(segment.starts.tobytes())
    stream.write(segment.digests.tobytes())
    stream.write(np.fromiter(names.keys(), np.uint64, len(names)).tobytes())
    stream.write(np.fromiter(names.values(), np.uint64, len(names)).tobytes())
    stream.flush()


def write_done(stream: IO[bytes]) -> None:
    """Say that nothing follows because everything was sent."""
    stream.write(HEAD.pack(DONE, 0, 0, 0, 0, 0))
    stream.flush()


def read_batch(stream: IO[bytes]) -> Batch | None:
    """The next batch; None once the work was done. IndexingError where the pipe ends before."""
    kind, *counts = HEAD.unpack(read_exactly(stream, HEAD.size))
    if kind == DONE:
        return None
    if kind != BATCH or any(count > most for count, most in zip(counts, LIMITS, strict=True)):
        raise IndexingError(f"expected a batch from the indexing process, found {kind!r} {counts}")
    tokens, places, buckets, texts, files = counts
    segment = Segment(
        stream=read_exactly(stream, 2 * tokens),
        low=read_exactly(stream, 2 * places),
        high=read_exactly(stream, places),
        buckets=read_exactly(stream, buckets),
        starts=np.frombuffer(read_exactly(stream, 4 * texts), np.uint32),
        digests=np.frombuffer(read_exactly(stream, 8 * texts), np.uint64),
    )
    keys, values = (
        np.frombuffer(read_exactly(stream, 8 * files), np.uint64).tolist() for _ in range(2)
    )
    return Batch(segment, dict(zip(keys, values, strict=True)))


def read_exactly(stream: IO[bytes], size: int) -> bytes:
    """So many bytes; IndexingError where the pipe ends before."""
    data = stream.read(size)
    if len(data) < size:
        raise IndexingError(f"expected {size} bytes from the indexing process, found {len(data)}")
    return data
