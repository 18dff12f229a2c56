"""Converts document URIs to paths, absolute or within the workspace.

`pygls.uris` is not used: it knows `file:` alone, where documents may have any scheme, raises at
what editors do send (`scp://user@[host//x/a.py`), and writes a path by the system's separator.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import PurePosixPath
from urllib.parse import unquote

DRIVE = re.compile(r"^/([A-Za-z]:)(?=/|$)")
PARTS = re.compile(r"(?:([^:/?#]+):)?(?://[^/?#]*)?([^?#]*)", re.DOTALL)
"""Scheme and path of a URI as RFC 3986 parts it (appendix B): whatever an editor sends has them."""


def scheme_and_path(uri: str) -> tuple[str, str]:
    """Both as they are written; "" for none. Never raises, as `urlsplit` does."""
    found = PARTS.match(uri)
    return ((found[1] or "").lower(), found[2]) if found else ("", uri)


def path_of(uri: str) -> PurePosixPath:
    """The path of a URI of any scheme, with forward slashes; a drive letter comes first."""
    return PurePosixPath(DRIVE.sub(r"\1", unquote(scheme_and_path(uri)[1])))


def real_path(uri: str) -> PurePosixPath:
    """The path of the file that a URI's path leads to over links, if there can be one."""
    path = path_of(uri)
    if scheme_and_path(uri)[0] != "file":
        return path
    try:
        return PurePosixPath(os.path.realpath(path).replace(os.sep, "/"))
    except ValueError:  # NUL, or half a character
        return path


def can_be_file(uri: str) -> bool:
    """Whether a URI's path is one that a file system can have."""
    try:
        return b"\0" not in os.fsencode(path_of(uri))
    except ValueError:
        return False


def path_in_workspace(uri: str, folders: Iterable[str]) -> str:
    """The path relative to the innermost workspace folder; outside of all the file's name.

    `folders` are URIs.
    """
    path = path_of(uri)
    inside = [folder for folder in map(path_of, folders) if path.is_relative_to(folder)]
    if not inside:
        return path.name
    innermost = max(inside, key=lambda folder: len(folder.parts))
    return path.relative_to(innermost).as_posix()


def roots_of(folders: Iterable[str]) -> tuple[str, ...]:
    """The workspace's folders, given by URIs, as they are shown and as they really are."""
    found: dict[str, None] = {}
    for uri in folders:
        with suppress(OSError, ValueError):  # no name that a folder can have
            found |= dict.fromkeys((str(path_of(uri)), str(real_path(uri))))
    return tuple(found)
