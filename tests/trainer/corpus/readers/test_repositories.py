"""A folder of repositories: clones, bare or not, and plain folders, each under its own name."""

import subprocess
from pathlib import Path

import pytest

from trainer.corpus.config import SourcesConfig
from trainer.corpus.document import Document
from trainer.corpus.readers.repositories import RepositoriesSource
from trainer.errors import SourceError

MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person\nobtaining a copy"
GO = SourcesConfig(suffixes=[".go"])


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, "-C", str(folder), *words], check=True, capture_output=True)


def clone(folder: Path) -> Path:
    """A repository with one commit, and a file that was never committed."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "LICENSE").write_text(MIT)
    (folder / "a.go").write_text("package a\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "m")
    (folder / "b.go").write_text("package b\n")
    return folder


def read(path: Path) -> list[tuple[str, str, str]]:
    found = RepositoriesSource(path=str(path)).read(GO)
    return [(one.repo, one.path, one.licence) for one in found if isinstance(one, Document)]


def test_each_repository_is_read_under_its_own_name(tmp_path: Path) -> None:
    root = tmp_path / "code"
    clone(root / "clone")
    git(tmp_path, "clone", "-q", "--bare", str(root / "clone"), str(root / "owner" / "bare.git"))
    (root / "plain" / "cmd").mkdir(parents=True)
    (root / "plain" / "cmd" / "main.go").write_text("package main\n")
    (root / "plain" / "COPYING").write_text(MIT)
    (root / ".hidden").mkdir()
    (root / "file.go").write_text("package none\n")
    (root / "link").symlink_to(root / "plain")
    assert read(root) == [
        ("clone", "a.go", "mit"),
        ("owner/bare", "a.go", "mit"),
        ("plain", "cmd/main.go", "mit"),
    ]


def test_a_folder_without_repositories_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="found none in it; put clones there"):
        read(tmp_path)
    with pytest.raises(SourceError, match="found no folder"):
        read(tmp_path / "none")
