"""An index that follows a project on the disk and in the editor, through a real process."""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from lsp_server.contract.line_tokens import Encoded, LineTokenizer
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.project import disk_watcher, file_follower, text_follower, workspace
from lsp_server.project.following import Following
from lsp_server.project.index.digests import text_digest
from lsp_server.project.index.store import ProjectIndex
from lsp_server.project.reading import process
from lsp_server.settings import Settings

TOKENIZER = Settings().bundle_folder / "tokenizer.json"

if TYPE_CHECKING:
    from tests.lsp_server.project.conftest import Project


def eventually(check: Callable[[], bool]) -> bool:
    """Whether something comes true within a while."""
    deadline = time.monotonic() + 20
    while not check() and time.monotonic() < deadline:
        time.sleep(0.02)
    return check()


def test_files_of_the_folder_answer(project: "Project") -> None:
    project.write("a.py", "def f():\n    return alpha\n")
    project.write("pkg/b.py", "class B:\n    beta = 1\n")
    project.begin()
    assert project.says("def f():\n    return", " alpha")
    assert project.says("class B", ":")
    assert not project.says("def f():\n    return", " alpha", without="a.py")


def test_off_means_not_read(project: "Project") -> None:
    project.write("a.py", "return alpha\n")
    project.begin(project=False)
    assert not project.index.segments


def test_excluded_files_do_not_answer(project: "Project") -> None:
    project.write("a.py", "return alpha\n")
    project.write("private/b.py", "return beta\n")
    project.begin(exclude=("private",))
    assert project.index.as_json()["files"] == 1
    assert project.says("return", " alpha")
    project.workspace.touch([project.uri("private/b.py")])
    assert eventually(lambda: not project.workspace.notes.stale)
    assert project.index.as_json()["files"] == 1


def test_text_that_was_deleted_from_a_buffer_never_comes_back(project: "Project") -> None:
    project.write("a.py", "return alpha\n")
    project.write("b.py", "yield beta\n")
    project.begin()
    assert project.says("return", " alpha")
    project.open("a.py", "return alpha\n")
    assert not project.says("return", " alpha")  # its live text has not been read yet
    assert eventually(lambda: project.says("return", " alpha"))
    project.edit("a.py", "return gamma\n")
    assert not project.says("return", " alpha")
    assert eventually(lambda: project.says("return", " gamma"))
    project.write("a.py", "return gamma\n")
    project.close("a.py")
    assert not project.says("return", " alpha")
    assert eventually(lambda: project.says("return", " gamma"))
    assert not project.says("return", " alpha")
    assert project.says("yield", " beta")


def test_a_document_closed_without_saving_answers_as_its_file(project: "Project") -> None:
    project.write("a.py", "return alpha\n")
    project.begin()
    project.open("a.py", "return gamma\n")
    assert eventually(lambda: project.says("return", " gamma"))
    project.close("a.py")
    assert eventually(lambda: project.says("return", " alpha"))
    assert len(project.index.segments) == 1  # nothing was tokenized again


def test_the_document_that_is_being_written_is_not_read_at_every_key(project: "Project") -> None:
    project.begin()
    project.open("a.py", "return alpha\n")
    project.goes_on("return", without="a.py")
    for number in range(5):
        project.edit("a.py", f"return beta{number}\n")
    name = project.workspace.name(project.uri("a.py"))
    time.sleep(2 * text_follower.QUIET)
    assert not project.index.has(name, project.workspace.notes.open[name])
    project.open("b.py", "")
    project.goes_on("return", without="b.py")
    assert eventually(lambda: project.says("return", " beta", without="b.py"))


def test_files_that_change_come_and_go_on_the_disk_are_followed(project: "Project") -> None:
    project.write("a.py", "return alpha\n")
    project.write("b.py", "yield beta\n")
    project.begin()
    project.write("a.py", "return gamma\n")
    project.write("new/c.py", "raise delta\n")
    project.write("build/d.py", "raise epsilon\n")
    (project.root / "b.py").unlink()
    project.workspace.touch(map(project.uri, ("a.py", "b.py", "new/c.py", "build/d.py")))
    assert not project.says("return", " alpha")
    assert not project.says("yield", " beta")
    assert eventually(lambda: project.says("return", " gamma"))
    assert project.says("raise", " delta")
    assert not project.says("return", " alpha")
    assert not project.says("yield", " beta")
    assert not project.workspace.notes.stale


def test_segments_of_files_read_again_are_made_one(
    project: "Project", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_follower, "QUIET", 0.0)
    project.write("a.py", "return alpha\n")
    project.begin()
    words = ("one", "two", "three", "four", "five", "six", "seven")
    for word in words:
        project.write(f"{word}.py", f"yield {word}\n")
        project.workspace.touch([project.uri(f"{word}.py")])
        assert eventually(partial(project.says, "yield", f" {word}"))
    assert len(project.index.segments) <= 1 + file_follower.MOST_LATE
    [rung, *_] = project.index.view("file:///x.py").rungs(project.tokenizer.encode("yield").ids)
    assert rung.total == len(words)


def test_very_many_changes_have_the_whole_project_read_again(
    project: "Project", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "MOST_STALE", 3)
    project.write("a.py", "return alpha\n")
    project.begin()
    epoch = project.workspace.notes.epoch
    project.write("a.py", "return gamma\n")
    project.workspace.touch(project.uri(f"{name}.py") for name in "abcd")
    assert project.workspace.notes.epoch == epoch + 1
    assert not project.says("return", " alpha")
    assert eventually(lambda: project.says("return", " gamma"))


def test_what_is_kept_stays_bounded_however_often_files_change(
    project: "Project", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_follower, "QUIET", 0.0)
    monkeypatch.setattr(file_follower, "SPARED", 300)
    monkeypatch.setattr(file_follower, "LARGEST_LATE", 0)  # none is merged
    project.begin()
    for number in range(8):
        project.write("a.py", f"return name_{number}\n" * 20)
        project.workspace.touch([project.uri("a.py")])
        assert eventually(lambda: not project.workspace.notes.stale and project.has_been_read())
        assert project.index.tokens < 1000
    assert project.says("return", " name_7")


def test_files_that_cannot_be_read_again_are_silent_and_told_once(
    project: "Project", monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("a.py", "return alpha\n")
    project.write("b.py", "yield beta\n")
    project.begin()
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    for _ in range(2):
        project.write("a.py", "return gamma\n")
        project.workspace.touch([project.uri("a.py")])
        assert eventually(lambda: not project.workspace.notes.stale)
        assert not project.says("return", " alpha")
        assert project.says("yield", " beta")
    assert len(set(project.reports)) == 1


def test_other_folders_and_settings_have_it_read_again(project: "Project", tmp_path: Path) -> None:
    project.write("a.py", "return alpha\n")
    project.begin()
    settings = project.workspace.notes.settings
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.py").write_text("yield beta\n")
    project.workspace.begin([(tmp_path / "other").as_uri(), "untitled:x"], settings)
    assert not project.says("return", " alpha")
    assert eventually(lambda: project.says("yield", " beta"))
    assert not project.says("return", " alpha")


def test_a_killed_process_is_told_once_and_what_it_had_read_answers(project: "Project") -> None:
    for number in range(4000):
        project.write(f"f{number}.py", f"name_{number} = {number}\n" * 20)
    project.start()
    assert eventually(lambda: project.following.files.process is not None)
    running = project.following.files.process
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    assert eventually(lambda: bool(project.reports))
    assert eventually(project.has_been_read)
    assert len(project.reports) == 1
    assert project.reports[0].startswith("not all of the project's files are used: expected")
    assert project.goes_on("return") == ""
    project.write("late.py", "return alpha\n")
    project.workspace.touch([project.uri("late.py")])
    assert eventually(lambda: project.says("return", " alpha"))


def test_the_process_ends_with_its_owner(project: "Project") -> None:
    for number in range(4000):
        project.write(f"f{number}.py", f"name_{number} = {number}\n" * 20)
    project.start()
    assert eventually(lambda: project.following.files.process is not None)
    running = project.following.files.process
    assert running is not None
    project.following.end()
    assert eventually(lambda: not is_running(running.pid))
    assert not project.reports


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_text_of_any_kind_of_project_is_followed(project: "Project") -> None:
    project.write("empty.py", "")
    project.write("one.py", "x")
    project.write("unicode.py", "return 'é\u3000\U0001f600'\r\n")
    (project.root / "latin.py").write_bytes(b"return '\xe9'\n")
    (project.root / "binary.py").write_bytes(bytes(range(256)) * 10)
    with (project.root / "huge.py").open("wb") as file:
        file.truncate(1 << 30)
    os.mkfifo(project.root / "pipe.py")
    (project.root / "loop").symlink_to(project.root)
    (project.root / "a\nb.py").write_text("return 1")
    project.begin()
    assert len(project.index.segments[0].digests) == 3
    assert project.says("return '", "é\u3000\U0001f600'\n")
    assert not project.reports


def test_a_module_in_the_folder_is_not_run(
    project: "Project", monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = project.root / "was_run"
    for name in ("numpy.py", "lsp_server/__init__.py", "json.py", "sitecustomize.py"):
        project.write(name, f"open({str(mark)!r}, 'w')\n")
    monkeypatch.chdir(project.root)
    project.begin()
    assert project.index.segments
    assert not mark.exists()
    assert not project.reports


def test_a_link_opens_nothing_that_is_excluded_or_outside(
    project: "Project", tmp_path: Path
) -> None:
    project.write("a.py", "return alpha\n")
    project.write("private/b.py", "return beta\n")
    project.write(".venv/c.py", "return gamma\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "d.py").write_text("return delta\n")
    for link, target in (("pub", "private"), ("lib", "../outside"), ("v", ".venv")):
        (project.root / link).symlink_to(project.root / target)
    (project.root / "e.py").symlink_to(project.root / "private" / "b.py")
    project.begin(exclude=("private/**",))
    named = ("pub/b.py", "lib/d.py", "v/c.py", "e.py", "a.py")
    for many in (1, 8):  # few are looked at here, many by the process alone
        project.workspace.touch([project.uri(name) for name in named * many])
        assert eventually(lambda: not project.workspace.notes.stale)
        assert project.index.as_json()["files"] == 1
    for word in ("beta", "gamma", "delta"):
        assert not project.says("return", f" {word}")
    assert project.says("return", " alpha")


def test_a_folder_that_becomes_a_link_is_not_read_through(project: "Project") -> None:
    project.write("public/a.py", "return alpha\n")
    project.write("private/a.py", "return beta\n")
    project.begin(exclude=("private/**",))
    assert project.says("return", " alpha")
    (project.root / "public").rename(project.root / "other")
    (project.root / "public").symlink_to(project.root / "private")
    files = project.following.files
    notes = project.workspace.notes
    files._read_again(notes, [f"{notes.roots[0].real}/public/a.py"])  # as judged before it changed
    assert project.index.as_json()["files"] == 0
    assert not project.says("return", " beta")


class SlowTokenizer(LineTokenizer):
    """Reads a text only once it is let go on."""

    def __init__(self) -> None:
        super().__init__(load_tokenizer(TOKENIZER))
        self.begun, self.go_on = Event(), Event()

    def encode(self, text: str, *, add_special_tokens: bool = False) -> Encoded:
        self.begun.set()
        assert self.go_on.wait(20)
        return super().encode(text)

    def remembers(self, word: str) -> bool:
        """Whether a word is in anything that was read."""
        memory = self._memory
        return any(word in text for text in [*memory.lines, *(b.text for b in memory.beginnings)])


def test_a_text_that_is_excluded_while_it_is_tokenized_never_answers(project: "Project") -> None:
    slow = SlowTokenizer()
    project.following = Following(project.index, slow, str(TOKENIZER), project.reports.append)
    project.begin()
    project.open("b.py", "yield sentinel\n")
    project.open("current.py", "")
    project.workspace.write(project.uri("current.py"))
    assert slow.begun.wait(20), "it is being tokenized"
    del project.texts[project.uri("b.py")]
    slow.forget()
    project.workspace.begin([project.root.as_uri()], Settings(exclude=("b.py",)))
    assert eventually(project.has_been_read), "the index was cleared before the text is put"
    slow.go_on.set()
    project.open("c.py", "yield other\n")
    assert eventually(lambda: project.says("yield", " other"))
    assert not project.says("yield", " sentinel")
    assert project.workspace.name(project.uri("b.py")) not in project.index._texts
    assert eventually(lambda: not slow.remembers("sentinel"))


def test_where_the_editor_does_not_tell_the_disk_is_watched(project: "Project") -> None:
    project.write("a.py", "return alpha\n")
    project.write("pkg/b.py", "return beta\n")
    project.write("private/c.py", "return gamma\n")
    project.workspace.client_tells = False
    project.begin(exclude=("private",))
    assert eventually(lambda: project.says("return", " beta"))
    (project.root / "a.py").rename(project.root / "b.txt")
    assert eventually(lambda: not project.says("return", " alpha"))
    project.write("a.py", "return delta\n")
    assert eventually(lambda: project.says("return", " delta"))
    (project.root / "pkg").rename(project.root / "other")
    assert eventually(lambda: project.index.as_json()["files"] == 2)
    assert project.says("return", " beta")
    project.write("other/new/deep/d.py", "return epsilon\n")
    assert eventually(lambda: project.says("return", " epsilon"))
    shutil.rmtree(project.root / "other")
    assert eventually(lambda: project.index.as_json()["files"] == 1)
    assert not project.says("return", " beta")
    project.write("private/c.py", "return zeta\n")
    time.sleep(1)
    assert not project.workspace.notes.stale


def test_only_folders_that_may_be_read_are_watched(project: "Project") -> None:
    for name in ("a.py", "pkg/b.py", ".git/c.py", "venv/d.py", "env/e.py", "private/f.py"):
        project.write(name, "x = 1\n")
    project.write("env/pyvenv.cfg", "")
    (project.root / "link").symlink_to(project.root / "private")
    project.workspace.client_tells = False
    project.begin(exclude=("private",))
    notes = project.workspace.notes
    found = disk_watcher.look(notes, file_follower.rules_of(notes)).folders
    assert {os.path.relpath(path, project.root.resolve()) for path in found} == {".", "pkg"}


def test_where_the_editor_tells_nothing_is_watched(project: "Project") -> None:
    project.write("a.py", "return alpha\n")
    before = set(threading.enumerate())
    project.begin()
    assert {thread.name for thread in set(threading.enumerate()) - before} >= {"lory-project"}
    assert not any(thread.name == "lory-disk" for thread in set(threading.enumerate()) - before)


def test_files_of_a_language_are_read_once_a_document_of_it_is_opened(project: "Project") -> None:
    project.write("a.py", "return alpha\n")
    project.write("b.go", "return beta\n")
    project.write("c.rs", "return gamma\n")
    project.begin(languages={"python": True, "go": True, "rust": False}, exclude=("private",))
    project.write("private/d.go", "return delta\n")
    assert project.index.as_json()["files"] == 1
    assert project.workspace.use("go")
    assert not project.workspace.use("go")
    project.workspace.use("rust")  # which is off
    assert eventually(lambda: project.index.is_whole)
    assert project.index.as_json()["files"] == 2
    assert project.goes_on("return") in (" alpha", " beta")


def test_two_readers_of_one_project_both_follow_what_changes(project: "Project") -> None:
    other = ProjectIndex(project.workspace)
    second = Following(other, project.tokenizer, str(TOKENIZER), project.reports.append)
    project.write("a.py", "return alpha\n")
    project.begin()
    second.start()
    try:
        assert eventually(lambda: other.is_whole)
        project.write("a.py", "return gamma\n")
        project.workspace.touch([project.uri("a.py")])
        assert eventually(lambda: project.says("return", " gamma"))
        assert eventually(lambda: not project.workspace.notes.stale)
        held = other.held_text(project.workspace.name(project.uri("a.py")))
        assert held == text_digest("return gamma\n")
    finally:
        second.end()
