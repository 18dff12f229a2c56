"""The first process says, the others wait for it, and stages that are no training run once."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from torch.distributed import HashStore  # type: ignore[attr-defined]

from trainer import pipeline
from trainer.corpus.config import SourcesConfig, SourceSpec
from trainer.pipeline import STAGES, Recipe, run_stage
from trainer.runtime.processes import ALONE, Team, join_team


def team_of(size: int) -> list[Team]:
    store = HashStore()
    return [Team(rank, size, store) for rank in range(size)]


def test_alone_nobody_waits() -> None:
    assert join_team() is ALONE
    assert ALONE.leads
    assert ALONE.hear("word") == "word"
    ALONE.gather()


def test_the_others_hear_what_the_first_one_says_when_it_comes() -> None:
    teams = team_of(3)

    def take_part(team: Team) -> list[str]:
        if team.leads:
            time.sleep(0.3)
        said = team.hear(f"first of {team.rank}")
        team.gather()
        return [said, team.hear(f"second of {team.rank}")]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(take_part, teams)) == [["first of 0", "second of 0"]] * 3


def test_the_first_one_goes_on_when_all_have_come() -> None:
    teams, times = team_of(2), {}

    def come(team: Team) -> None:
        time.sleep(0.5 * team.rank)
        team.gather()
        times[team.rank] = time.monotonic()

    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(come, teams))
    assert times[0] >= started + 0.5


@pytest.mark.parametrize(("name", "ran"), [("sources", [0]), ("pretrain", [0, 1])])
def test_what_is_no_training_is_run_by_the_first_process_alone(
    name: str, ran: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = next(stage for stage in STAGES if stage.name == name)
    for earlier in pipeline.before(stage, STAGES):
        (tmp_path / earlier.name).mkdir()
        (tmp_path / earlier.name / "done.json").write_text('{"config": {}}')
    left_over = tmp_path / name / "left over"
    left_over.parent.mkdir()
    left_over.touch()
    calls: list[bool] = []

    def note(_config: Any, _inputs: Any, out: Path) -> None:
        calls.append((out / "left over").exists())
        time.sleep(0.3)

    work = ModuleType("work")
    work.run = note  # type: ignore[attr-defined]
    monkeypatch.setattr(pipeline, "import_module", lambda _name: work)
    monkeypatch.setattr(pipeline, "check_stage", lambda *_: None)
    recipe = Recipe(sources=SourcesConfig(sources=[SourceSpec(plugin="folder")]))

    def take_part(team: Team) -> list[bool]:
        return [run_stage(stage, recipe, tmp_path, team) for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(take_part, team_of(2))) == [[True, False]] * 2
    assert calls == [stage.resumes] * len(ran)
