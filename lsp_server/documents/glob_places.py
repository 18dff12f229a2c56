"""Where a glob begins: at any folder, at the workspace's, or at a place of the disk."""

import os
import re
from collections.abc import Iterator
from enum import Enum
from unicodedata import normalize
from urllib.parse import unquote

SPECIAL = re.compile(r"[][{}*?(]")
HOME = re.compile(r"(?:~|\$HOME|\$\{userHome\})(?=/|$)")
FOLDER = re.compile(r"(?:\./|\$\{workspace(?:Folder|Root)(?::[^}]*)?\}(?:/|$))")
DRIVE = re.compile(r"/?(?=[A-Za-z]:(?:/|$))")
FOREIGN = re.compile(r"[A-Za-z][\w+.-]+:|\$\w+/|%\w+%")
"""Addresses, kinds of patterns, and variables of shells."""
QUOTES = "'\"`"
FILE_URI = re.compile(r"file:(?://(?:localhost)?)?(?=/(?!/))", re.IGNORECASE)


class GlobFault(Exception):
    """What in a glob cannot be understood."""


class Anchor(Enum):
    """Where a glob begins."""

    ANYWHERE = "anywhere"
    """At any folder."""
    ROOT = "root"
    """At the workspace's folder."""
    DISK = "disk"
    """At the file system's root or a drive."""


def plain_path(path: str) -> str:
    """A path as globs are compared with: composed characters, forward slashes."""
    return path.replace("\\", "/") if path.isascii() else normalize("NFC", path).replace("\\", "/")


def anchored(text: str) -> Iterator[tuple[Anchor, str]]:
    """Where a glob begins, and the glob from there on."""
    refuse_foreign(text)
    if (found := FOLDER.match(text)) is not None:
        yield Anchor.ROOT, text[found.end() :] or "**"
        return
    absolute = FILE_URI.sub("", text, count=1)
    if absolute != text:
        absolute = unquote(absolute)
    absolute = HOME.sub(lambda _: escape(plain_path(os.path.expanduser("~"))), absolute, count=1)
    absolute = DRIVE.sub("", absolute, count=1)
    if absolute == text and not text.startswith("/") and not DRIVE.match(text):
        yield Anchor.ANYWHERE, text
        return
    yield Anchor.DISK, absolute
    yield from ((Anchor.DISK, real) for real in without_links(absolute))
    if text.startswith("/"):
        yield Anchor.ANYWHERE, text


def refuse_foreign(text: str) -> None:
    """Raise GlobFault for forms that mean something elsewhere and nothing here."""
    known = FOLDER.match(text) or HOME.match(text)
    rest = text[known.end() :] if known else text
    if not text:
        raise GlobFault("it is empty")
    if text.startswith("!"):
        raise GlobFault("'!' takes nothing back here; leave it out")
    if "${" in rest:
        raise GlobFault("only ${workspaceFolder} and ${userHome} are known")
    if FOREIGN.match(text) and not (known or FILE_URI.match(text)):
        raise GlobFault("only file:, ~/ and $HOME/ are known before a name")
    if not text.isprintable() or text[0] in QUOTES:
        raise GlobFault("it has quotes around it, or characters that are not seen")
    if text.startswith("//") or re.match(r"~[^/$]+/", text):
        raise GlobFault("shares and others' homes are not known; write **/ and a name")


def without_links(text: str) -> Iterator[str]:
    """The same glob from where links lead to, if the folders that it names are reached over any."""
    special = SPECIAL.search(text)
    fixed = text if special is None else text[: text.rfind("/", 0, special.start())]
    try:
        real = os.path.realpath(fixed).replace(os.sep, "/")
    except (OSError, ValueError):  # no name that a file can have
        return
    if os.path.isabs(fixed) and real != fixed.rstrip("/"):
        yield escape(plain_path(real)) + text[len(fixed) :]


def escape(path: str) -> str:
    """A glob of this path alone."""
    return SPECIAL.sub(r"[\g<0>]", path)
