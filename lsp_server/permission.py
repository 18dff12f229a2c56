"""Which documents are read: takes the settings and a document, gives why its text is not kept."""

from dataclasses import dataclass, replace

from lsp_server.exclusions import excluding_pattern
from lsp_server.locations import path_of, real_path
from lsp_server.settings import NEVER_READ, Settings


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document is not read, and what a user can do about it."""

    reason: str
    advice: str


TURNED_OFF = Refusal("lory is turned off", "set enabled to true")
NOT_OPEN = Refusal("not open", "open it in the editor")
LOST = Refusal("a change of it could not be read", "close it and open it again")
UNSETTLED = Refusal("the editor has not given its settings", "let it answer, or restart it")
UNREAD_SINCE = Refusal("not read since it was turned off", "save it to have it read again")


def refusal(settings: Settings, uri: str, language: str) -> Refusal | None:
    """Why the text of a document may not be kept and completed; None where it may."""
    if not settings.enabled:
        return TURNED_OFF
    if not settings.languages.get(language, False):
        return Refusal(f"language {language!r} is off", f"add {language!r} to languages")
    for path in (path_of(uri), real_path(uri)):
        if (pattern := excluding_pattern(path, settings.unread)) is not None:
            return exclusion(pattern)
    return None


def may_come_on(settings: Settings, uri: str, language: str) -> bool:
    """Whether settings still to come have only to turn on a language that these do not name."""
    if language in settings.languages:
        return False
    languages = {**settings.languages, language: True}
    return refusal(replace(settings, languages=languages), uri, language) is None


def exclusion(pattern: str) -> Refusal:
    """The refusal of a file that a glob excludes."""
    advice = "files of passwords and keys never are read"
    return Refusal(
        f"excluded by {pattern!r}", advice if pattern in NEVER_READ else "take that out of exclude"
    )
