"""Whole trials of real repositories, with small servers in place of Lory's."""

import sys
from pathlib import Path

import pytest

from lsp_server.bench.commits.figures import figures_of
from lsp_server.bench.commits.trial import Trial, try_commits
from lsp_server.bench.config import ReplayConfig, TryConfig
from lsp_server.bench.editors import EditorName
from lsp_server.bench.replay.records import BlockRecord
from lsp_server.bench.reporting.bootstrapping import Bootstrap
from lsp_server.bench.reporting.trial_page import html_page
from lsp_server.bench.reporting.trial_report import report_text, rows
from lsp_server.errors import BenchError
from tests.lsp_server.bench.commits.repositories import make_repository

SERVER = Path(__file__).parents[1] / "small_server.py"
OLD = "def add(first, second):\n    return first\n"
NEW = "def add(first, second):\n    return first\n\n\ntotal = add(first=1, second=2)\n"


def server(behaviour: str, argument: Path, *, menu: bool = False) -> ReplayConfig:
    return ReplayConfig(
        command=(sys.executable, str(SERVER), behaviour, str(argument)),
        menu=menu,
        editor=EditorName.PLAIN,
        ready_timeout=20.0,
        timeout=20.0,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "shop", {"m.py": OLD}, {"m.py": NEW})


def config(repository: Path, commits: int = 1) -> TryConfig:
    return TryConfig(repository=repository, commits=commits)


def tried(repository: Path, *servers: ReplayConfig, commits: int = 1) -> Trial:
    return try_commits(config(repository, commits), servers, lambda name, share: None)


def test_one_that_knows_the_truth_saves_all_and_one_that_lies_nothing(
    repository: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.py"
    truth.write_text(NEW)
    trial = tried(repository, server("truth", truth), server("lies", truth))
    right, wrong = figures_of(trial, ["right", "wrong"], Bootstrap(0, 100))
    line = "total = add(first=1, second=2)"
    assert right.typing.characters == len(line)
    assert (right.typing.saved.value, right.typing.acceptance.value) == (1.0, 1.0)
    assert right.right_example is not None
    assert right.right_example.suggested == line
    assert right.wrong_example is None
    assert (wrong.typing.saved.value, wrong.typing.taken) == (0.0, 0)
    assert wrong.wrong.value == 1.0
    assert wrong.saved_change is not None
    assert wrong.saved_change.value == -1.0


def test_the_report_says_it_in_words_a_table_and_a_page(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "truth.py").write_text(NEW)
    trial = tried(repository, server("truth", tmp_path / "truth.py"))
    figures = figures_of(trial, ["<Lory>"], Bootstrap(0, 100))
    above, below = report_text(trial, figures)
    assert "Of 30 characters" in above
    assert "added to shop, Lory would have typed 100%" in above
    assert "[total = add(first=1, second=2)]" in below
    assert "never wrong" in [cell for row in rows(figures) for cell in row]
    page = html_page(trial, figures)
    assert "<th>&lt;Lory&gt;</th>" in page
    assert 'mark class="right">total = add(first=1, second=2)</mark>' in page
    assert "://" not in page


def test_a_first_commit_is_typed_into_nothing(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", {"m.py": "x = 1\ny = 2\n"})
    (tmp_path / "truth.py").write_text("x = 1\ny = 2\n")
    trial = tried(folder, server("truth", tmp_path / "truth.py"))
    assert [block.tally.saved for block in blocks(trial)] == [10]


def blocks(trial: Trial) -> list[BlockRecord]:
    records = (each for commit in trial.commits for each in commit.records if each)
    return [block for each in records for block in each.blocks]


def test_nothing_to_type_is_said_in_one_line(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", {"a.txt": "one\n"}, {"b.py": "# nothing\n"})
    with pytest.raises(BenchError, match="Python that the last 2 commits have added") as found:
        tried(folder, server("lies", tmp_path))
    assert "\n" not in str(found.value)


def test_a_servers_own_modules_are_not_those_of_the_repository(tmp_path: Path) -> None:
    """Python would import from the folder that it is started in."""
    evil = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
    names = ("json.py", "pygls.py", "lsp_server/__init__.py", "sitecustomize.py")
    folder = make_repository(
        tmp_path / "r", {**dict.fromkeys(names, evil)}, {"new.py": "value = 1\n"}
    )
    command = (sys.executable, "-m", "lsp_server", "lsp")
    own = ReplayConfig(command=command, options={"bundle": str(tmp_path)}, editor=EditorName.PLAIN)
    with pytest.raises(BenchError, match=r"expected a bundle with its bundle\.json"):
        tried(folder, own)
    assert not (tmp_path / "ran").exists()


def test_time_that_is_over_leaves_out_older_commits_and_says_so(
    tmp_path: Path,
) -> None:
    folder = make_repository(
        tmp_path / "r", *({"m.py": "".join(f"v{n} = {n}\n" for n in range(k))} for k in (1, 2, 3))
    )
    short = TryConfig(repository=folder, seconds=0.5)
    trial = try_commits(short, [server("lies", tmp_path)], lambda name, share: None)
    assert len(trial.commits) == trial.looked_at == 1
    assert trial.out_of_time
    (figures,) = figures_of(trial, ["lies"], Bootstrap(0, 10))
    assert "The time was over" in report_text(trial, [figures])[1]


def test_a_server_of_menus_has_a_share_of_the_time_and_is_compared_where_it_typed(
    tmp_path: Path,
) -> None:
    folder = make_repository(
        tmp_path / "r", *({"m.py": "".join(f"v{n} = {n}\n" for n in range(k))} for k in (1, 2, 3))
    )
    truth = tmp_path / "truth.py"
    truth.write_text("v0 = 0\nv1 = 1\nv2 = 2\n")
    settings = TryConfig(repository=folder, menu_share=1e-6)
    servers = [server("truth", truth), server("menu", truth, menu=True)]
    trial = try_commits(settings, servers, lambda name, share: None)
    own, menu = figures_of(trial, ["own", "menu"], Bootstrap(0, 10))
    assert (own.commits, menu.commits) == (3, 1)
