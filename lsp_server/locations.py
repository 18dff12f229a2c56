"""Places of documents: takes a document's URI, gives its path, absolute or within the workspace."""

import os
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

DRIVE = re.compile(r"^/([A-Za-z]:)(?=/|$)")


def path_of(uri: str) -> PurePosixPath:
    """The path of a URI of any scheme, with forward slashes; a drive letter comes first."""
    parts = urlsplit(uri)
    return PurePosixPath(DRIVE.sub(r"\1", unquote(parts.path)))


def real_path(uri: str) -> PurePosixPath:
    """The path of the file that a URI's path leads to over links."""
    path = path_of(uri)
    if urlsplit(uri).scheme != "file":
        return path
    return PurePosixPath(os.path.realpath(path).replace(os.sep, "/"))


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
