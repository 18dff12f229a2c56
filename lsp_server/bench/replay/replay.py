"""Types real files again in a server, and records what it suggested at every step.

Several servers, editors or text forms can be replayed side by side. They take turns file by file,
so that other load on the machine disturbs all of them alike.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.replay.plans import FilePlan
from lsp_server.bench.replay.records import Records, joined
from lsp_server.bench.replay.workspace_replay import Watch, WorkspaceReplay
from lsp_server.bench.texts.rewriting import in_form
from lsp_server.errors import BenchError


@dataclass(frozen=True, slots=True)
class Lane:
    """One of those that are replayed side by side."""

    config: ReplayConfig
    plans: Sequence[FilePlan]


def replay(
    config: ReplayConfig, plans: Sequence[FilePlan], cwd: Path, watch: Watch = lambda name: None
) -> Records:
    """Replays the plans, one fresh server per workspace, started in `cwd`.

    Raises BenchError where the server cannot be started, ends, hangs or breaks the protocol.
    """
    return replay_side_by_side([config], plans, cwd, watch)[0]


def replay_side_by_side(
    configs: Sequence[ReplayConfig],
    plans: Sequence[FilePlan],
    cwd: Path,
    watch: Watch = lambda name: None,
) -> list[Records]:
    """Replays the plans by each configuration, each with servers of its own."""
    if not plans:
        raise BenchError("expected files to replay, found none; name other folders")
    with TemporaryDirectory(prefix="lory-replay-") as folder:
        lanes = [
            lane_of(config, plans, Path(folder).resolve() / str(number))
            for number, config in enumerate(configs)
        ]
        groups = [by_workspace(lane.plans) for lane in lanes]
        parts = []
        for workspaces in zip(*groups, strict=True):
            there = [
                Lane(lane.config, group) for lane, group in zip(lanes, workspaces, strict=True)
            ]
            parts.append(replay_workspace(there, cwd, watch))
    return [joined(found) for found in zip(*parts, strict=True)]


def lane_of(config: ReplayConfig, plans: Sequence[FilePlan], out: Path) -> Lane:
    """The plans in the configuration's form, for which workspaces are copied below `out`."""
    return Lane(config, plans if config.form.is_as_read else in_form(plans, config.form, out))


def by_workspace(plans: Iterable[FilePlan]) -> Iterator[list[FilePlan]]:
    """The plans of each workspace, by their names."""
    ordered = sorted(plans, key=lambda plan: plan.file.name)
    return (list(group) for _, group in groupby(ordered, key=lambda plan: plan.file.root))


def replay_workspace(lanes: Sequence[Lane], cwd: Path, watch: Watch) -> list[Records]:
    """Replays one workspace's plans; who comes first changes from file to file."""
    with ExitStack() as stack:
        drivers = [
            stack.enter_context(WorkspaceReplay(lane.config, lane.plans, cwd, watch))
            for lane in lanes
        ]
        for number, plans in enumerate(zip(*(lane.plans for lane in lanes), strict=True)):
            turns = deque(zip(drivers, plans, strict=True))
            turns.rotate(number)
            for driver, plan in turns:
                driver.replay_file(plan)
        return [driver.records() for driver in drivers]
