"""Files that are never read: takes glob patterns and a path, says whether the path is excluded.

`*` and `?` stay within a folder or file name, `**` crosses folders, `{a,b}` is either, `[ab]` one
of them. A pattern without a slash means the name anywhere. Case does not count: it hides nothing.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import PurePosixPath

TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|\{[^{}]*\}|.", re.DOTALL)
FIXED = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}


def is_excluded(path: PurePosixPath, patterns: Iterable[str]) -> bool:
    """Whether any pattern matches the path or a folder that it lies in."""
    return excluding_pattern(path, patterns) is not None


def excluding_pattern(path: PurePosixPath, patterns: Iterable[str]) -> str | None:
    """The first pattern that matches the path or a folder that it lies in."""
    names = path.as_posix().strip("/")
    return next((glob for glob in patterns if compile_pattern(glob).fullmatch(names)), None)


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of one glob; it matches from any folder on."""
    relative = pattern.strip("/").removeprefix("**/")
    return re.compile(rf"(?:.*/)?{translate(relative)}(?:/.*)?", re.IGNORECASE | re.DOTALL)


def translate(glob: str) -> str:
    """The regular expression of one glob without anchors."""
    return "".join(map(translate_token, TOKEN.findall(glob)))


def translate_token(token: str) -> str:
    """The regular expression of one token of a glob."""
    if token in FIXED:
        return FIXED[token]
    if len(token) > 1 and token.startswith("["):
        inner = token[1:-1].replace("\\", r"\\")
        return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    if len(token) > 1 and token.startswith("{"):
        return "(?:" + "|".join(translate(part) for part in token[1:-1].split(",")) + ")"
    return re.escape(token)
