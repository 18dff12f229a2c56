"""URIs as editors send them."""

from pathlib import Path

import pytest

from lsp_server.locations import path_in_workspace, path_of, real_path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///home/u/a%20b/%C3%A9.py", "/home/u/a b/é.py"),
        ("file:///c%3A/p/a.py", "c:/p/a.py"),
        ("file:///C:/p/a.py", "C:/p/a.py"),
        ("untitled:Untitled-1", "Untitled-1"),
        ("file:///p/%2Eenv", "/p/.env"),
        ("git:/p/a.py?ref=x", "/p/a.py"),
    ],
)
def test_a_uri_names_a_path(uri: str, path: str) -> None:
    assert path_of(uri).as_posix() == path


@pytest.mark.parametrize(
    ("folders", "path"),
    [
        ([], "c.py"),
        (["file:///w"], "a/b/c.py"),
        (["file:///w", "file:///w/a"], "b/c.py"),
        (["file:///w/a", "file:///w"], "b/c.py"),
        (["file:///other", "file:///w/a/bb"], "c.py"),
    ],
)
def test_a_path_is_relative_to_the_innermost_folder(folders: list[str], path: str) -> None:
    assert path_in_workspace("file:///w/a/b/c.py", folders) == path


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KEY=1")
    (tmp_path / "notes.py").symlink_to(tmp_path / ".env")
    assert real_path((tmp_path / "notes.py").as_uri()).name == ".env"
