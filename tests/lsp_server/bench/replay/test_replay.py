"""The replay against small real servers that know the truth, lie, hang or die."""

import sys
from pathlib import Path
from typing import Any

import pytest

from lsp_server.bench.client.editor import ReplyStatus
from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.editors import EditorName
from lsp_server.bench.editors.keystrokes import TypingTally
from lsp_server.bench.replay.plans import FilePlan, plan_replay
from lsp_server.bench.replay.records import Records
from lsp_server.bench.replay.replay import replay, replay_side_by_side
from lsp_server.bench.reporting.bootstrapping import Bootstrap
from lsp_server.bench.reporting.faults import Fault
from lsp_server.bench.reporting.figures import compute_figures
from lsp_server.bench.reporting.paired import changes_since, earlier_of
from lsp_server.bench.texts.files import SourceFile, read_folders
from lsp_server.bench.texts.forms import Form
from lsp_server.errors import BenchError

SMALL_SERVER = Path(__file__).parents[1] / "small_server.py"
CODE = "def add(first, second):\n    total = first + second\n    return total\n"
EMOJI = "a = '🎉'; b = 'é🎉'  # 🎉🎉\nprint('🎉', a, b)\nc = '🎉' + a\n"


SETTINGS: dict[str, Any] = {
    **{"blocks": 1, "points": 2, "gaps": 0, "lines": 3, "editor": EditorName.PLAIN},
    **{"timeout": 60.0, "ready_timeout": 60.0},
}


def write_workspace(folder: Path, text: str = CODE) -> Path:
    """A workspace with one file; gives the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "m.py"
    path.write_text(text, encoding="utf-8")
    return path


def replayed(path: Path, behaviour: str, argument: str | None = None, **more: Any) -> Records:
    """All blocks of three lines and two points of the file's workspace, with a small server."""
    given = str(path) if argument is None else argument
    command = (sys.executable, str(SMALL_SERVER), behaviour, given)
    config = ReplayConfig(command=command, **{**SETTINGS, **more})
    return replay(config, plan_replay(config, read_folders([path.parent])), path.parent)


def counts_of(tally: TypingTally) -> tuple[int, int, int, int]:
    """What the idealised editor counts."""
    return tally.characters, tally.saved, tally.shown, tally.taken


def test_a_server_that_knows_each_lines_rest_saves_all_but_the_newlines(tmp_path: Path) -> None:
    records = replayed(write_workspace(tmp_path), "truth")
    (block,) = records.blocks
    assert counts_of(block.tally) == (59, 57, 3, 3)
    assert len(block.answers) == 3
    assert [record.score.exact for record in records.points] == [True, True]
    figures = compute_figures(records, Bootstrap(0, 50))
    assert figures.typing is not None
    assert figures.typing.saved.value == pytest.approx(57 / 59)
    assert figures.typing.acceptance.value == 1.0
    assert figures.typing.latency.p50 > 0


def test_a_server_that_lies_at_every_key_saves_nothing_and_is_never_accepted(
    tmp_path: Path,
) -> None:
    records = replayed(write_workspace(tmp_path), "lie")
    (block,) = records.blocks
    assert counts_of(block.tally) == (59, 0, 59, 0)
    assert [record.score.shown for record in records.points] == [True, True]
    assert not any(record.score.exact for record in records.points)


def test_edits_and_cursors_keep_in_step_after_emoji(tmp_path: Path) -> None:
    records = replayed(write_workspace(tmp_path, EMOJI), "truth")
    (block,) = records.blocks
    assert block.tally.taken == 3
    assert block.tally.saved == block.tally.characters - 2
    assert [record.score.exact for record in records.points] == [True, True]


def test_a_server_that_only_has_the_menu_is_taken_by_its_first_item(tmp_path: Path) -> None:
    records = replayed(write_workspace(tmp_path), "menu", menu=True)
    assert counts_of(records.blocks[0].tally) == (59, 57, 3, 3)


def test_a_second_menu_item_counts_as_shown_too(tmp_path: Path) -> None:
    records = replayed(write_workspace(tmp_path), "menu", menu=True, top=2)
    assert counts_of(records.blocks[0].tally) == (59, 57, 6, 3)


def test_asking_for_what_the_server_does_not_have_says_what_to_do(tmp_path: Path) -> None:
    path = write_workspace(tmp_path)
    with pytest.raises(BenchError, match="--menu"):
        replayed(path, "menu")
    with pytest.raises(BenchError, match="leave --menu out"):
        replayed(path, "truth", menu=True)


def test_late_answers_count_as_not_shown_with_the_timeout_as_latency(tmp_path: Path) -> None:
    records = replayed(write_workspace(tmp_path), "slow", "2.5", timeout=1.0, blocks=0)
    assert [record.answer.outcome for record in records.points] == [ReplyStatus.TIMEOUT] * 2
    assert [record.answer.seconds for record in records.points] == [1.0] * 2
    assert not any(record.score.shown for record in records.points)


def test_a_server_that_hangs_ends_the_replay(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="silent for 1 s while requests wait"):
        replayed(write_workspace(tmp_path), "slow", "30", timeout=0.4, hung_after=1.0)


def test_a_server_that_answers_nothing_at_all_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no answer to any request"):
        replayed(write_workspace(tmp_path), "silent", timeout=0.3, ready_timeout=1)


def test_errors_for_answers_are_counted_and_show_nothing(tmp_path: Path) -> None:
    records = replayed(write_workspace(tmp_path), "fails", ready_timeout=1.0, blocks=0)
    assert [record.answer.outcome for record in records.points] == [ReplyStatus.ERROR] * 2


def test_a_server_with_nothing_to_offer_is_measured_after_its_time_to_get_ready(
    tmp_path: Path,
) -> None:
    records = replayed(write_workspace(tmp_path), "empty", ready_timeout=1.0)
    assert counts_of(records.blocks[0].tally) == (59, 0, 0, 0)
    assert len(records.blocks[0].answers) == 59


def test_a_server_that_dies_in_the_middle_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"exit code 7.*out of luck"):
        replayed(write_workspace(tmp_path), "dies", "4")


def test_a_server_that_prints_between_messages_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="loaded 3 modules"):
        replayed(write_workspace(tmp_path), "prints")


@pytest.mark.parametrize("state", ["error", "off"])
def test_a_server_that_says_it_cannot_is_not_measured(tmp_path: Path, state: str) -> None:
    with pytest.raises(BenchError, match=f"{state}.*is {state}"):
        replayed(write_workspace(tmp_path), "status", f"loading,{state}")


def test_a_server_that_stays_loading_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="still loading"):
        replayed(write_workspace(tmp_path), "status", "loading", ready_timeout=1.0)


def test_a_server_that_says_it_is_ready_is_measured(tmp_path: Path) -> None:
    records = replayed(write_workspace(tmp_path), "status", "loading,ready")
    assert len(records.points) == 2
    assert records.model == "is ready"


def test_each_workspace_has_a_server_of_its_own(tmp_path: Path) -> None:
    first, second = (write_workspace(tmp_path / name) for name in ("one", "two"))
    command = (sys.executable, str(SMALL_SERVER), "truth", str(first))
    config = ReplayConfig(
        command=command, blocks=2, points=0, gaps=0, lines=3, editor=EditorName.PLAIN, timeout=60.0
    )
    plans = plan_replay(config, read_folders([first.parent, second.parent]))
    seen: list[str] = []
    records = replay(config, plans, tmp_path, seen.append)
    assert [block.tally.taken for block in records.blocks] == [3, 3]
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("editor", "eol", "offered"),
    [
        (EditorName.PLAIN, "lf", "a\nb"),
        (EditorName.VSCODE, "crlf", "a\nb"),
        (EditorName.NEOVIM, "crlf", "a\r\nb"),
    ],
)
def test_a_server_sees_the_forms_line_ends_and_only_neovim_takes_them_from_an_answer(
    tmp_path: Path, editor: EditorName, eol: str, offered: str
) -> None:
    path = write_workspace(tmp_path / "owner" / "name")
    records = replayed(path, "line ends", editor=editor, form=Form(eol), points=1, blocks=0)
    assert records.points[0].answer.offers[0].text == offered


def test_gaps_are_asked_at_in_both_ways_and_say_what_was_wrong(tmp_path: Path) -> None:
    records = replayed(write_workspace(tmp_path), "lie", points=0, blocks=0, gaps=4)
    assert len(records.gaps) == 4
    figures = compute_figures(records, Bootstrap(0, 50)).places
    assert figures is not None
    assert figures.typing is not None
    assert (figures.typing.gaps, figures.typing.shown, figures.typing.saved.value) == (4, 4, 0.0)
    faults = figures.faults_asked[Fault.OPEN_STRING]
    assert (faults.count, faults.cases, faults.share.value) == (0, 4, 0.0)
    assert faults.share.high == pytest.approx(0.49, abs=0.01)
    assert figures.faults_typing[Fault.REPEAT].cases == 2


def test_servers_side_by_side_are_asked_at_the_same_places(tmp_path: Path) -> None:
    path = write_workspace(tmp_path)
    lanes = [
        ReplayConfig(
            command=(sys.executable, str(SMALL_SERVER), behaviour, str(path)),
            **{**SETTINGS, "gaps": 2},
        )
        for behaviour in ("truth", "lie")
    ]
    plans = plan_replay(lanes[0], read_folders([path.parent]))
    truth, lie = replay_side_by_side(lanes, plans, path.parent)
    assert (counts_of(truth.blocks[0].tally)[1], counts_of(lie.blocks[0].tally)[1]) == (57, 0)
    assert [point.line for point in truth.points] == [point.line for point in lie.points]
    changes = changes_since(earlier_of("truth", truth), lie, Bootstrap(0, 50))
    assert changes.saved is not None
    assert changes.saved.value == pytest.approx(-57 / 59)
    assert changes.faults_typing[Fault.OPEN_STRING].value == 0.0


def source(name: str, lines: int) -> SourceFile:
    text = "".join(f"{name}{i} = {i}\n" for i in range(lines))
    return SourceFile(root=Path("/w/r"), path=f"{name}.py", text=text)


def counts(plans: list[FilePlan]) -> dict[str, tuple[int, int]]:
    return {plan.file.path: (len(plan.points), len(plan.blocks)) for plan in plans}


def test_places_are_spread_evenly_over_the_files() -> None:
    files = [source("long", 100), source("short", 13), source("tiny", 2)]
    config = ReplayConfig(command=("x",), blocks=4, points=7, gaps=0)
    assert counts(plan_replay(config, files)) == {
        "long.py": (3, 3),
        "short.py": (2, 1),
        "tiny.py": (2, 0),
    }


def test_what_is_chosen_in_a_file_does_not_depend_on_the_others() -> None:
    config = ReplayConfig(command=("x",), blocks=2, points=2, gaps=0)
    alone = plan_replay(config, [source("long", 100)])
    beside = plan_replay(config, [source("other", 100), source("long", 100)])
    assert beside[1].points[0] == alone[0].points[0]
    assert beside[1].blocks[0] == alone[0].blocks[0]


def test_files_without_code_are_an_error() -> None:
    config = ReplayConfig(command=("x",))
    with pytest.raises(BenchError, match="expected lines of code"):
        plan_replay(config, [SourceFile(root=Path("/w"), path="e.py", text="# only this\n")])
