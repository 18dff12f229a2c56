"""Globs of files that are never read."""

from pathlib import PurePosixPath

import pytest

from lsp_server.exclusions import is_excluded
from lsp_server.settings import NEVER_READ


@pytest.mark.parametrize(
    "path",
    [
        "/home/u/p/.env",
        "/home/u/p/.env.local",
        "/home/u/p/.ENV",
        "/home/u/p/.envs/production.py",
        "/home/u/.ssh/config",
        "/p/server.pem",
        "/p/a b/tls.key",
        "/p/id_rsa",
        "/p/id_rsa.bak",
        "/p/secrets.py",
        "/p/secrets/keys.py",
        "/p/.git/hooks/pre-commit.py",
        "C:/p/.env",
    ],
)
def test_places_of_passwords_are_excluded_by_default(path: str) -> None:
    assert is_excluded(PurePosixPath(path), NEVER_READ)


@pytest.mark.parametrize(
    "path",
    ["/p/environment.py", "/p/monkey.py", "/p/keys.py", "/p/git/a.py", "/p/my_secrets.py"],
)
def test_ordinary_files_are_not_excluded_by_default(path: str) -> None:
    assert not is_excluded(PurePosixPath(path), NEVER_READ)


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("*.py", "/a/b.py", True),
        ("a/*.py", "/x/a/b.py", True),
        ("a/*.py", "/x/a/c/b.py", False),
        ("a/**/b.py", "/x/a/b.py", True),
        ("a/**/b.py", "/x/a/c/d/b.py", True),
        ("vendor", "/x/vendor/a.py", True),
        ("vendor/**", "/x/vendor/a.py", True),
        ("vendor/", "/x/vendor/a.py", True),
        ("/home/u/private/**", "/home/u/private/a.py", True),
        ("*.{pem,key}", "/a/b.key", True),
        ("*.{pem,key}", "/a/b.kex", False),
        ("a?.py", "/ab.py", True),
        ("a?.py", "/a/.py", False),
        ("[ab].py", "/b.py", True),
        ("[!ab].py", "/b.py", False),
        ("a.py", "/axpy", False),
        ("(x|y).py", "/x.py", False),
    ],
)
def test_globs_mean_what_they_mean_in_editors(pattern: str, path: str, excluded: bool) -> None:
    assert is_excluded(PurePosixPath(path), [pattern]) == excluded
