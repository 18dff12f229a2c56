"""The replay: takes files and a server's command, gives what it offered at points and keys."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from pathlib import Path
from random import Random
from typing import TypeVar

from lsp_server.bench.blocks import Block, choose_blocks
from lsp_server.bench.client import LspClient
from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.files import SourceFile
from lsp_server.bench.handshake import ServerFacts, Workspace, initialize
from lsp_server.bench.keystrokes import TypingTally, type_block
from lsp_server.bench.points import Point, PointScore, choose_points, score_point
from lsp_server.bench.readiness import wait_until_ready
from lsp_server.bench.session import Answer, EditorSession
from lsp_server.bench.suggestions import Offer
from lsp_server.bench.work import Work, read_work, wait_until_read
from lsp_server.errors import BenchError

Place = TypeVar("Place", Block, Point)


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What is replayed in one file."""

    file: SourceFile
    points: tuple[Point, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class PointRecord:
    """One point's outcome."""

    file: str
    line: int
    score: PointScore
    answer: Answer


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """One block's outcome."""

    file: str
    line: int
    tally: TypingTally
    answers: tuple[Answer, ...]
    """One for each time the server was asked."""


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that was measured."""

    server: ServerFacts
    model: str
    """What the server says that it has loaded; "" where it says nothing."""
    points: tuple[PointRecord, ...]
    blocks: tuple[BlockRecord, ...]
    work: Work | None = None
    """What the server did while the blocks were typed; None where it does not tell."""


Watch = Callable[[str], None]
"""Told the name of a file each time a point or a block of it is done."""


def plan_replay(config: ReplayConfig, files: Sequence[SourceFile]) -> list[FilePlan]:
    """Points and blocks spread evenly over the files, the same for every server.

    What is chosen in a file depends on the seed and the file alone. Raises BenchError where no
    file holds any.
    """
    points = {
        file: choose_points(file.text, config.shortest, Random(f"{config.seed} {file.name} p"))
        for file in files
    }
    blocks = {
        file: choose_blocks(file.text, config.lines, Random(f"{config.seed} {file.name} b"))
        for file in files
    }
    kept_points = spread(points, config.points)
    kept_blocks = spread(blocks, config.blocks)
    if not any(kept_points.values()) and not any(kept_blocks.values()):
        raise BenchError(
            f"expected lines of code to replay in {len(files)} files, found none; name other files"
        )
    plans = [FilePlan(f, tuple(kept_points[f]), tuple(kept_blocks[f])) for f in points]
    return [plan for plan in plans if plan.points or plan.blocks]


def spread(places: Mapping[SourceFile, list[Place]], most: int) -> dict[SourceFile, list[Place]]:
    """The first place of every file, then the second of every file, until there are `most`."""
    named = [[(file, place) for place in found] for file, found in places.items()]
    rounds = (pair for one_round in zip_longest(*named) for pair in one_round if pair is not None)
    kept: dict[SourceFile, list[Place]] = {file: [] for file in places}
    for _, (file, place) in zip(range(most), rounds, strict=False):
        kept[file].append(place)
    return kept


def replay(
    config: ReplayConfig, plans: Iterable[FilePlan], cwd: Path, watch: Watch = lambda name: None
) -> Records:
    """Replays the plans, one fresh server per workspace, started in `cwd`.

    Raises BenchError where the server cannot be started, ends, hangs or breaks the protocol.
    """
    ordered = sorted(plans, key=lambda plan: (plan.file.root, plan.file.path))
    parts = [
        replay_workspace(config, root, list(group), cwd, watch)
        for root, group in groupby(ordered, key=lambda plan: plan.file.root)
    ]
    if not parts:
        raise BenchError("expected files to replay, found none; name other folders")
    return Records(
        server=parts[-1].server,
        model=parts[-1].model,
        points=tuple(record for part in parts for record in part.points),
        blocks=tuple(record for part in parts for record in part.blocks),
        work=sum_work(part.work for part in parts),
    )


def replay_workspace(
    config: ReplayConfig, root: Path, plans: Sequence[FilePlan], cwd: Path, watch: Watch
) -> Records:
    """Replays one workspace's plans with a server of its own."""
    points: list[PointRecord] = []
    blocks: list[BlockRecord] = []
    works: list[Work | None] = []
    with LspClient(config.command, cwd, configuration=config.options) as client:
        workspace = Workspace(root=root, options=config.options, inline=not config.menu)
        facts = initialize(client, workspace, config.start_timeout)
        session = EditorSession(client, facts, config)
        model = wait_until_ready(session, [plan.file for plan in plans])
        wait_until_read(client, facts, config.ready_timeout)
        for plan in plans:
            session.open(plan.file)
            points += replay_points(session, plan, watch)
            before = read_work(client, facts, config.start_timeout)
            blocks += replay_blocks(session, plan, watch)
            after = read_work(client, facts, config.start_timeout)
            works.append(after - before if after and before else None)
            session.close()
    return Records(facts, model, tuple(points), tuple(blocks), sum_work(works))


def sum_work(parts: Iterable[Work | None]) -> Work | None:
    """The work of all parts; None where one of them is not known."""
    known = list(parts)
    told = [part for part in known if part is not None]
    return sum(told, Work()) if len(told) == len(known) else None


def replay_points(session: EditorSession, plan: FilePlan, watch: Watch) -> list[PointRecord]:
    """Asks at each point of the open file with the rest of its line cut off."""
    records = []
    for point in plan.points:
        answer = session.ask_without(point.start, point.start + len(point.cut))
        score = score_point(point, answer.offers)
        records.append(PointRecord(plan.file.name, point.line + 1, score, answer))
        watch(plan.file.name)
    return records


def replay_blocks(session: EditorSession, plan: FilePlan, watch: Watch) -> list[BlockRecord]:
    """Deletes each block of the open file and types it again."""
    records = []
    for block in plan.blocks:
        session.replace(block.start, block.start + len(block.text), "")
        editor = SessionEditor(session, block.start)
        tally = type_block(block, editor, session.config.shortest)
        records.append(BlockRecord(plan.file.name, block.line + 1, tally, tuple(editor.answers)))
        watch(plan.file.name)
    return records


class SessionEditor:
    """A cursor in a session's document, keeping every answer."""

    def __init__(self, session: EditorSession, cursor: int) -> None:
        self.answers: list[Answer] = []
        self._session = session
        self._cursor = cursor

    def show(self) -> Sequence[Offer]:
        """Asks the server."""
        answer = self._session.ask(self._cursor)
        self.answers.append(answer)
        return answer.offers

    def insert(self, text: str) -> None:
        """Sends the edit."""
        self._session.replace(self._cursor, self._cursor, text)
        self._cursor += len(text)
