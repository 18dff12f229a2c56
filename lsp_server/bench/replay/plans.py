"""Plans a replay: places spread evenly over the files, equal for every server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from random import Random
from typing import TypeVar

from lsp_server.bench.commits.additions import Addition
from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.replay.blocks import Block, choose_blocks
from lsp_server.bench.replay.gaps import Gap, choose_gaps
from lsp_server.bench.replay.points import Point, choose_points
from lsp_server.bench.texts.files import SourceFile
from lsp_server.contract.languages.profiles import has_grammar
from lsp_server.errors import BenchError

Replayed = TypeVar("Replayed", Block, Point, Gap)


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What is replayed in one file."""

    file: SourceFile
    points: tuple[Point, ...]
    blocks: tuple[Block, ...]
    gaps: tuple[Gap, ...] = ()
    additions: tuple[Addition, ...] = ()
    """What a commit added, in file order; `file` is what stood there before."""

    @property
    def places(self) -> int:
        """How many they are."""
        return len(self.points) + len(self.blocks) + len(self.gaps) + len(self.additions)


def plan_replay(config: ReplayConfig, files: Sequence[SourceFile]) -> list[FilePlan]:
    """Points, blocks and gaps of the files.

    What is chosen in a file depends on the seed and the file alone. Raises BenchError where no
    file holds any.
    """
    points = {
        file: choose_points(
            file.text, config.shortest, Random(f"{config.seed} {file.name} p"), file.language
        )
        for file in files
    }
    blocks = {
        file: choose_blocks(
            file.text, config.lines, Random(f"{config.seed} {file.name} b"), file.language
        )
        for file in files
    }
    gaps = {
        file: choose_gaps(file.text, config.shortest, Random(f"{config.seed} {file.name} g"))
        for file in files
        if config.gaps and has_grammar(file.language)
    }
    kept_points = spread(points, config.points)
    kept_blocks = spread(blocks, config.blocks)
    kept_gaps = spread(gaps, config.gaps)
    plans = [
        FilePlan(
            file, tuple(kept_points[file]), tuple(kept_blocks[file]), tuple(kept_gaps.get(file, ()))
        )
        for file in points
    ]
    if not any(plan.places for plan in plans):
        raise BenchError(
            f"expected lines of code to replay in {len(files)} files, found none; name other files"
        )
    return [plan for plan in plans if plan.places]


def spread(
    places: Mapping[SourceFile, list[Replayed]], most: int
) -> dict[SourceFile, list[Replayed]]:
    """The first place of every file, then the second of every file, until there are `most`."""
    named = [[(file, place) for place in found] for file, found in places.items()]
    rounds = (pair for one_round in zip_longest(*named) for pair in one_round if pair is not None)
    kept: dict[SourceFile, list[Replayed]] = {file: [] for file in places}
    for _, (file, place) in zip(range(most), rounds, strict=False):
        kept[file].append(place)
    return kept
