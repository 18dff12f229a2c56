"""Extraction from real git repositories, made here."""

import subprocess
from pathlib import Path

import pytest

from lsp_server.bench.replay.extract import extract
from lsp_server.bench.texts.files import Target
from lsp_server.errors import BenchError


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=m")
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    """A folder with one clone, o/n, whose second commit changes and adds files."""
    clone = tmp_path / "with space" / "o" / "n"
    (clone / "pkg").mkdir(parents=True)
    git(clone, "init", "-q")
    (clone / "pkg" / "a.py").write_bytes(b"first\r\n")
    (clone / "other.py").write_bytes(b"other\n")
    (clone / "note.txt").write_bytes(b"note\n")
    (clone / "link.py").symlink_to("other.py")
    git(clone, "add", ".")
    git(clone, "commit", "-q", "-m", "first")
    (clone / "pkg" / "a.py").write_bytes(b"second\n")
    git(clone, "commit", "-q", "-a", "-m", "second")
    return tmp_path / "with space"


def test_a_file_is_written_as_it_was_at_the_commit(clones: Path, tmp_path: Path) -> None:
    first = git(clones / "o" / "n", "rev-parse", "HEAD~1")
    out = tmp_path / "out"
    places = f"{clones}/{{owner}}/{{name}}"
    assert extract([Target("o/n", "pkg/a.py", first)], places, out, whole=False) == 1
    assert (out / "o" / "n" / "pkg" / "a.py").read_bytes() == b"first\r\n"
    assert not (out / "o" / "n" / "other.py").exists()


def test_the_whole_workspace_is_the_regular_python_files(clones: Path, tmp_path: Path) -> None:
    head = git(clones / "o" / "n", "rev-parse", "HEAD")
    git(clones, "clone", "-q", "--bare", str(clones / "o" / "n"), str(tmp_path / "o+n.git"))
    out = tmp_path / "out"
    places = f"{tmp_path}/{{owner}}+{{name}}.git"
    assert extract([Target("o/n", "pkg/a.py", head)], places, out, whole=True) == 2
    written = sorted(path.name for path in out.rglob("*") if path.is_file())
    assert written == ["a.py", "other.py"]


def test_a_missing_clone_commit_or_file_is_named(clones: Path, tmp_path: Path) -> None:
    head = git(clones / "o" / "n", "rev-parse", "HEAD")
    places = f"{clones}/{{owner}}/{{name}}"
    with pytest.raises(BenchError, match="expected a clone of x/y"):
        extract([Target("x/y", "a.py", head)], places, tmp_path, whole=False)
    with pytest.raises(BenchError, match=f"expected commit {'0' * 40}"):
        extract([Target("o/n", "pkg/a.py", "0" * 40)], places, tmp_path, whole=False)
    with pytest.raises(BenchError, match=r"expected pkg/b\.py"):
        extract([Target("o/n", "pkg/b.py", head)], places, tmp_path, whole=False)
