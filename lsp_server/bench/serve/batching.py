"""What decoding several people's tokens in one call of the graph could save, at most.

A call of several tokens of one prompt does the work of as many prompts of a token each, but for
attention over other prompts: so its time is the least that a batch of them would take.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from rich.table import Table

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.engines.decoder import OnnxDecoder, open_session

SIZES = (1, 2, 4, 8, 16)
CALLS = 100


@dataclass(frozen=True, slots=True)
class BatchTime:
    """A call of so many tokens after so many cached ones, in milliseconds."""

    tokens: int
    cached: int
    milliseconds: float


def measure_calls(bundle: Bundle, threads: int, cached: int) -> list[BatchTime]:
    """The median time of a call of each size."""
    decoder = OnnxDecoder(open_session(bundle.model_path, threads))
    cached = min(cached, decoder.context - max(SIZES))
    ids = [10 + number % 100 for number in range(cached)]
    decoder.forward(ids, 0)
    return [
        BatchTime(size, cached, median(time_of(decoder, ids[:size], cached) for _ in range(CALLS)))
        for size in SIZES
    ]


def time_of(decoder: OnnxDecoder, ids: Sequence[int], cached: int) -> float:
    """Milliseconds of one call that wants logits after every token."""
    begun = perf_counter()
    decoder.forward(ids, cached, len(ids))
    return (perf_counter() - begun) * 1e3


def batch_table(times: Sequence[BatchTime]) -> Table:
    """A row for each size, with how much less a token takes than alone."""
    table = Table()
    for name in ("prompts in a call", "ms", "ms a token", "times as fast"):
        table.add_column(name, justify="right")
    alone = times[0].milliseconds
    for each in times:
        share = each.milliseconds / each.tokens
        row = (f"{each.milliseconds:.2f}", f"{share:.2f}", f"{alone / share:.1f}")
        table.add_row(str(each.tokens), *row)
    return table
