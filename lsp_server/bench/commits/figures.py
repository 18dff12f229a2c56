"""What Lory would have saved in the last commits: rates over commits, and an example of each."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from lsp_server.bench.commits.examples import Example, longer
from lsp_server.bench.commits.trial import Trial, TypedCommit
from lsp_server.bench.replay.records import BlockRecord
from lsp_server.bench.reporting.bootstrapping import Bootstrap, Counts, Rate
from lsp_server.bench.reporting.figures import TypingFigures, typing_figures


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFigures:
    """What one server was worth."""

    name: str
    """As the server or its bundle is called."""
    commits: int
    typing: TypingFigures
    """With intervals over commits."""
    wrong: Rate
    """Share of the suggestions shown that were not what was written next."""
    right_example: Example | None
    wrong_example: Example | None
    saved_change: Rate | None = None
    """Against the first server, paired by commits; None for the first."""
    acceptance_change: Rate | None = None


def figures_of(trial: Trial, names: Sequence[str], bootstrap: Bootstrap) -> list[ServerFigures]:
    """The figures of each server, in order."""
    found = []
    for number, name in enumerate(names):
        shared = [commit for commit in trial.commits if commit.records[number] is not None]
        first = records_of(shared, 0) if number else None
        found.append(server_figures(name, records_of(shared, number), first, bootstrap))
    return found


def records_of(commits: Sequence[TypedCommit], server: int) -> list[BlockRecord]:
    """A server's blocks; a commit's digest stands for the file, since commits are resampled."""
    return [
        replace(block, file=commit.digest)
        for commit in commits
        if (records := commit.records[server]) is not None
        for block in records.blocks
    ]


def server_figures(
    name: str,
    records: Sequence[BlockRecord],
    first: Sequence[BlockRecord] | None,
    bootstrap: Bootstrap,
) -> ServerFigures:
    """One server's figures, beside the first one's records."""
    return ServerFigures(
        name=name,
        commits=len({record.file for record in records}),
        typing=typing_figures(records, bootstrap),
        wrong=bootstrap.rate(wrong_counts(records)),
        right_example=longest(record.examples.right for record in records),
        wrong_example=longest(record.examples.wrong for record in records),
        saved_change=change(bootstrap, first, records, saved_counts),
        acceptance_change=change(bootstrap, first, records, taken_counts),
    )


def change(
    bootstrap: Bootstrap,
    first: Sequence[BlockRecord] | None,
    records: Sequence[BlockRecord],
    counts: Callable[[Iterable[BlockRecord]], list[Counts]],
) -> Rate | None:
    """How a share differs from the first server's."""
    return bootstrap.change(counts(first), counts(records)) if first is not None else None


def saved_counts(records: Iterable[BlockRecord]) -> list[Counts]:
    """Characters saved of all."""
    return [(record.file, record.tally.saved, record.tally.characters) for record in records]


def taken_counts(records: Iterable[BlockRecord]) -> list[Counts]:
    """Suggestions taken of those shown."""
    return [(record.file, record.tally.taken, record.tally.shown) for record in records]


def wrong_counts(records: Iterable[BlockRecord]) -> list[Counts]:
    """Suggestions not taken of those shown."""
    return [
        (record.file, record.tally.shown - record.tally.taken, record.tally.shown)
        for record in records
    ]


def longest(examples: Iterable[Example | None]) -> Example | None:
    """The longest suggestion of all."""
    best: Example | None = None
    for example in examples:
        best = best if example is None else longer(best, example)
    return best
