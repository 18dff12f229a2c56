"""The last commits of real repositories, odd ones too."""

import os
from pathlib import Path

import pytest

from lsp_server.bench.commits.history import (
    EMPTY_TREE,
    ChangedFile,
    as_text,
    changed_files,
    last_commits,
)
from lsp_server.bench.commits.repository import (
    Repository,
    environment,
    is_safe,
    open_repository,
)
from lsp_server.bench.commits.states import StateFolder
from lsp_server.errors import BenchError
from tests.lsp_server.bench.commits.repositories import git, make_repository


def changes(repository: Repository, most: int = 10) -> list[list[ChangedFile]]:
    """What each of the last commits changed, newest first."""
    return [changed_files(repository, commit) for commit in last_commits(repository, most)]


def test_commits_come_newest_first_with_both_texts(tmp_path: Path) -> None:
    folder = make_repository(
        tmp_path / "r", {"a.py": "one\n"}, {"a.py": "one\ntwo\n", "b.txt": "no\n"}
    )
    second, first = changes(open_repository(folder))
    assert second == [ChangedFile("a.py", "a.py", "one\n", "one\ntwo\n")]
    assert first == [ChangedFile("a.py", "a.py", "", "one\n")]


def test_a_subfolder_and_a_bare_clone_lead_to_the_same_commits(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", {"p/a.py": "one\n"}, {"p/a.py": "two\n"})
    git(tmp_path, "clone", "-q", "--bare", str(folder), "bare.git")
    whole = changes(open_repository(folder))
    assert changes(open_repository(folder / "p")) == whole
    assert changes(open_repository(tmp_path / "bare.git")) == whole


def test_a_worktree_of_its_own_is_read(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", {"a.py": "one\n"}, {"a.py": "two\n"})
    git(folder, "worktree", "add", "-q", str(tmp_path / "w"))
    assert len(changes(open_repository(tmp_path / "w"))) == 2


def test_a_renamed_file_adds_only_what_changed(tmp_path: Path) -> None:
    text = "".join(f"line_{number} = {number}\n" for number in range(20))
    folder = make_repository(
        tmp_path / "r", {"a.py": text}, {"a.py": "", "b.py": text + "more = 1\n"}
    )
    newest = changes(open_repository(folder))[0]
    assert newest == [ChangedFile("b.py", "a.py", text, text + "more = 1\n")]


def test_a_merge_counts_as_what_it_brought(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", {"a.py": "one\n"})
    git(folder, "checkout", "-q", "-b", "side")
    for number in range(3):
        (folder / "b.py").write_text(f"b = {number}\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "side")
    git(folder, "checkout", "-q", "m")
    git(folder, "merge", "-q", "--no-ff", "-m", "merge", "side")
    merge, first = changes(open_repository(folder))
    assert merge == [ChangedFile("b.py", "b.py", "", "b = 2\n")]
    assert [file.path for file in first] == ["a.py"]


def test_a_shallow_clone_leaves_out_the_commit_that_it_was_cut_at(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", {"a.py": "1\n"}, {"a.py": "2\n"}, {"a.py": "3\n"})
    git(tmp_path, "clone", "-q", "--depth=2", f"file://{folder}", "two")
    (only,) = changes(open_repository(tmp_path / "two"))
    assert only == [ChangedFile("a.py", "a.py", "2\n", "3\n")]
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{folder}", "one")
    with pytest.raises(BenchError, match="shallow clone of one commit; .*--deepen"):
        last_commits(open_repository(tmp_path / "one"), 10)


def test_no_repository_and_no_commit_are_said(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="not a git repository"):
        open_repository(tmp_path)
    with pytest.raises(BenchError, match="found no folder"):
        open_repository(tmp_path / "none")
    git(tmp_path, "init", "-q")
    with pytest.raises(BenchError, match="expected commits in .*commit once"):
        last_commits(open_repository(tmp_path), 10)


def test_of_a_hundred_thousand_commits_only_the_last_are_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    stream = [b"blob\nmark :1\ndata 4\nx=1\n\n"]
    stream += [
        b"commit refs/heads/m\nmark :%d\ncommitter t <t@example.org> %d +0000\ndata 1\nm\n%b"
        % (number + 2, number, b"M 100644 :1 a%d.py\n" % (number % 50) if number % 9 == 0 else b"")
        for number in range(100_000)
    ]
    git(tmp_path, "fast-import", "--quiet", stdin=b"".join(stream))
    commits = last_commits(open_repository(tmp_path), 300)
    assert len(commits) == 300
    assert commits[0].parent == commits[1].digest


def test_submodules_links_and_odd_bytes_are_no_files_to_type(tmp_path: Path) -> None:
    inner = make_repository(tmp_path / "inner", {"i.py": "inner\n"})
    folder = make_repository(tmp_path / "r", {"a.py": "one\n"})
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub.py")
    (folder / "link.py").symlink_to("a.py")
    (folder / "binary.py").write_bytes(b"a\0b\n")
    (folder / "latin.py").write_bytes(b"# \xe9\n")
    (folder / "new.py").write_bytes(b"\xef\xbb\xbfx\r\ny")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "odd")
    repository = open_repository(folder)
    assert changes(repository)[0] == [ChangedFile("new.py", "new.py", "", "x\ny\n")]
    state = StateFolder(repository, tmp_path / "state")
    state.change_to("HEAD")
    written = sorted(path.name for path in state.root.iterdir())
    assert written == ["a.py", "binary.py", "latin.py", "new.py"]


def test_missing_objects_leave_out_their_files_or_are_an_error_in_one_line(tmp_path: Path) -> None:
    folder = make_repository(
        tmp_path / "r", {"a.py": "one\n", "p/c.py": "c\n"}, {"a.py": "two\n", "b.py": "bee\n"}
    )
    repository = open_repository(folder)
    lose(folder, git(folder, "rev-parse", "HEAD:b.py"))
    newest = last_commits(repository, 10)[0]
    assert [file.path for file in changed_files(repository, newest)] == ["a.py"]
    state = StateFolder(repository, tmp_path / "state")
    state.change_to(newest.digest)
    assert not (state.root / "b.py").exists()
    lose(folder, git(folder, "rev-parse", "HEAD:p"))
    with pytest.raises(BenchError) as found:
        state.change_to(newest.digest)
    assert "\n" not in str(found.value)


def lose(folder: Path, digest: str) -> None:
    """Deletes a loose object."""
    (folder / ".git" / "objects" / digest[:2] / digest[2:]).unlink()


def test_a_state_folder_becomes_one_commit_after_another(tmp_path: Path) -> None:
    folder = make_repository(
        tmp_path / "r",
        {"x": "no\n", "p.py": "p\n", "q.py": "q\n"},
        {"p.py": "", "p.py/inner.py": "i\n", "q.py": "changed\n"},
    )
    state = StateFolder(open_repository(folder), tmp_path / "state")

    def there() -> dict[str, str]:
        return {
            path.relative_to(state.root).as_posix(): path.read_text()
            for path in state.root.rglob("*.py")
            if path.is_file()
        }

    state.change_to("HEAD~1")
    assert there() == {"p.py": "p\n", "q.py": "q\n"}
    state.change_to("HEAD")
    assert there() == {"p.py/inner.py": "i\n", "q.py": "changed\n"}
    state.change_to(EMPTY_TREE)
    assert there() == {}


@pytest.mark.parametrize(
    "path", ["../up.py", "/root.py", "a/../b.py", ".git/hooks/x.py", "c:\\x.py", "new\nline.py"]
)
def test_a_crafted_path_is_not_written(path: str) -> None:
    assert not is_safe(path)
    assert is_safe("a/b..c/d.py")


def test_git_may_use_no_transport_and_no_other_repository(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", {"a.py": "one\n"}, {"a.py": "two\n"})
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{folder}", "part")
    repository = open_repository(tmp_path / "part")
    with pytest.raises(BenchError, match="found: fatal: "):
        changes(repository)
    given = {"GIT_DIR": "/elsewhere", "GIT_CONFIG_COUNT": "0", "PATH": os.environ["PATH"]}
    seen = environment(given)
    assert "GIT_DIR" not in seen
    assert seen["GIT_CONFIG_COUNT"] == "0"
    assert seen["GIT_ALLOW_PROTOCOL"] == "none"


def test_what_is_no_text_of_any_use_is_none() -> None:
    assert as_text(None) is None
    assert as_text(b"x" * 1_000_001) is None
    assert as_text(b"") == ""
