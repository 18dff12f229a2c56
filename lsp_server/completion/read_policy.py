"""Decides which documents may be read, and says why not."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lsp_server.documents.exclusions import NEVER_READ, Exclusions
from lsp_server.documents.globs import read_glob
from lsp_server.documents.uris import path_of, real_path
from lsp_server.settings import Settings


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document is not read, and what a user can do about it."""

    reason: str
    advice: str


TURNED_OFF = Refusal("lory is turned off", "set enabled to true")
NOT_OPEN = Refusal("not open", "open it in the editor")
LOST = Refusal("a change of it could not be read", "close it and open it again")
UNSETTLED = Refusal("the editor has not given its settings", "let it answer, or restart it")
UNREAD = Refusal("not read since it was turned off", "save it to have it read again")


def refusal(
    settings: Settings, uri: str, language: str, roots: Iterable[str] = ()
) -> Refusal | None:
    """Why the text of a document may not be kept and completed; None where it may.

    `roots` are the workspace's folders, as `roots_of` gives them.
    """
    if not settings.enabled:
        return TURNED_OFF
    if not settings.languages.get(language, False):
        return Refusal(f"language {language!r} is off", f"add {language!r} to languages")
    exclusions = Exclusions(settings.unread, tuple(roots))
    rule = exclusions.rule_against(path_of(uri), real_path(uri))
    return None if rule is None else exclusion(rule)


def may_come_on(settings: Settings, uri: str, language: str, roots: Iterable[str] = ()) -> bool:
    """Whether settings still to come have only to turn on a language that these do not name."""
    if language in settings.languages:
        return False
    languages = {**settings.languages, language: True}
    return refusal(replace(settings, languages=languages), uri, language, roots) is None


def exclusion(pattern: str) -> Refusal:
    """The refusal of a file that a glob excludes."""
    advice = "take that out of exclude"
    if pattern in NEVER_READ:
        advice = "files of passwords and keys never are read"
    elif fault := read_glob(pattern).fault:
        advice = f"what is not understood excludes everything: {fault}"
    return Refusal(f"excluded by {pattern!r}", advice)
