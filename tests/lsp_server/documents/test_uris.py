"""URIs as editors send them."""

from pathlib import Path

import pytest

from lsp_server.documents.uris import can_be_file, path_in_workspace, path_of, real_path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///home/u/a%20b/%C3%A9.py", "/home/u/a b/é.py"),
        ("file:///c%3A/p/a.py", "c:/p/a.py"),
        ("file:///C:/p/a.py", "C:/p/a.py"),
        ("untitled:Untitled-1", "Untitled-1"),
        ("file:///p/%2Eenv", "/p/.env"),
        ("git:/p/a.py?ref=x", "/p/a.py"),
        ("scp://user@[host//x/a.py", "//x/a.py"),
        ("http://[::1", "."),
        ("vscode-notebook-cell:/p/n.ipynb#W0s", "/p/n.ipynb"),
        ("FILE:///p/a.py", "/p/a.py"),
        ("a.py", "a.py"),
        ("", "."),
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


@pytest.mark.parametrize("uri", ["file:///a/%00.py", "file:///a/\ud800.py"])
def test_a_path_that_no_system_can_have_is_left_as_it_is(uri: str) -> None:
    assert not can_be_file(uri)
    assert real_path(uri) == path_of(uri)
