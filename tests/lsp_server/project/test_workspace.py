"""What is noted of an editor's events."""

import os
from pathlib import Path

import pytest

from lsp_server.project import workspace as module
from lsp_server.project.workspace import Workspace
from lsp_server.settings import Settings


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(lambda uri: None)
    workspace.begin([tmp_path.as_uri()], Settings())
    return workspace


def test_a_file_opened_over_two_links_stays_open_until_both_are_closed(
    workspace: Workspace, tmp_path: Path
) -> None:
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    real.touch()
    link.symlink_to(real)
    workspace.open(real.as_uri())
    workspace.open(link.as_uri())
    assert list(workspace.notes.open) == [str(real)]
    workspace.close(link.as_uri())
    assert list(workspace.notes.open) == [str(real)]
    workspace.close(real.as_uri())
    assert (list(workspace.notes.open), list(workspace.notes.stale)) == ([], [str(real)])


def test_news_of_a_file_below_a_linked_folder_are_news_of_the_real_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    workspace = Workspace(lambda uri: None)
    workspace.begin([(tmp_path / "link").as_uri()], Settings())
    workspace.touch([(tmp_path / "link" / "a b.py").as_uri()])
    assert list(workspace.notes.stale) == [str(tmp_path / "real" / "a b.py")]


def test_settings_that_change_nothing_of_what_is_read_keep_what_was_read(
    workspace: Workspace,
) -> None:
    before, folders = workspace.notes, workspace.notes.folders
    workspace.begin(folders, Settings(max_tokens=9))
    assert workspace.notes is before
    for settings in (
        Settings(project=False),
        Settings(enabled=False),
        Settings(exclude=("a",)),
        Settings(languages={}),
        Settings(project_megabytes=1),
    ):
        epoch = workspace.notes.epoch
        workspace.begin(folders, settings)
        assert workspace.notes.epoch == epoch + 1


def test_very_much_news_is_one_reason_to_read_everything(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_STALE", 10)
    epoch, stopped = workspace.notes.epoch, []
    workspace.join(workspace, lambda: stopped.append(True))
    workspace.touch((tmp_path / f"{number}.py").as_uri() for number in range(10))
    assert (workspace.notes.epoch, len(workspace.notes.stale)) == (epoch, 10)
    workspace.touch([(tmp_path / "new.py").as_uri()])
    assert (workspace.notes.epoch, len(workspace.notes.stale)) == (epoch + 1, 0)
    assert stopped


def test_news_of_files_that_are_not_the_projects_own_is_no_news(
    workspace: Workspace, tmp_path: Path
) -> None:
    before = workspace.notes
    names = (".venv/lib/a.py", "node_modules/b.py", "../other.py", "../elsewhere/c.py")
    workspace.touch((tmp_path / name).resolve().as_uri() for name in names)
    assert workspace.notes is before


def test_only_a_bounded_number_of_names_is_remembered(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_NAMES", 3)
    for number in range(10):
        assert workspace.name(f"file:///{number}.py") == f"/{number}.py"
    assert len(workspace._names) <= 3


def test_news_of_many_files_elsewhere_costs_no_look_at_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(lambda uri: None)
    workspace.begin([tmp_path.as_uri()], Settings())
    looks: list[str] = []
    islink = os.path.islink

    def look(path: str) -> bool:
        looks.append(path)
        return islink(path)

    monkeypatch.setattr(os.path, "islink", look)
    folder = tmp_path.as_uri()
    workspace.touch(f"{folder}/.venv/lib/m{number}.py" for number in range(10_000))
    workspace.touch(f"file:///elsewhere/m{number}.py" for number in range(10_000))
    assert not looks
    workspace.touch([f"{folder}/pkg/m.py"])
    assert looks
    assert list(workspace.notes.stale) == [str(tmp_path.resolve() / "pkg" / "m.py")]


def test_news_stays_until_everything_that_reads_has_dealt_with_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    stopped: list[str] = []
    for reader in ("one", "two"):
        workspace.join(reader, lambda reader=reader: stopped.append(reader))  # type: ignore[misc]
    workspace.touch([(tmp_path / "a.py").as_uri(), (tmp_path / "b.py").as_uri()])
    news = workspace.notes.stale
    workspace.settle(news, "one")
    assert workspace.notes.stale == news
    assert workspace.news_for("one", workspace.notes) == {}
    assert workspace.news_for("two", workspace.notes) == news
    workspace.touch([(tmp_path / "a.py").as_uri()])
    assert list(workspace.news_for("one", workspace.notes)) == [str(tmp_path.resolve() / "a.py")]
    workspace.settle(workspace.notes.stale, "two")
    assert list(workspace.notes.stale) == [str(tmp_path.resolve() / "a.py")]
    workspace.leave("one")
    assert workspace.notes.stale == {}
    workspace.start_anew()
    assert stopped == ["two"]
