"""What of a language's files a model learns from, and under which ids it completes them."""

import re
from collections.abc import Callable
from functools import cache

from lsp_server.contract.languages.lexing import read
from lsp_server.contract.languages.profile import NOTHING
from lsp_server.contract.languages.profiles import (
    ALIASES,
    PROFILES,
    language_of,
    names_of,
    profile_of,
)


def is_known(language: str) -> bool:
    """Whether the table has the language."""
    return language in PROFILES


def learned_ids(language: str) -> tuple[str, ...]:
    """The ids, as editors use them, of what is learned with a language, its own first."""
    members = profile_of(language).together or (ALIASES.get(language, language),)
    return (*members, *(alias for alias, row in ALIASES.items() if row in members))


def learned_names(language: str) -> list[str]:
    """Ends of the names of the files that are learned from."""
    suffixes, names = names_of(learned_ids(language))
    return [end for end in dict.fromkeys((*suffixes, *sorted(names))) if not is_foreign(f"a{end}")]


def is_test(path: str) -> bool:
    """Whether a file's path says that it tests or configures."""
    return re.search(profile_of(language_of(path)).tests, path) is not None


def is_foreign(path: str) -> bool:
    """Whether a file's path says that nobody wrote it there, or that it declares alone."""
    return re.search(profile_of(language_of(path)).foreign, path) is not None


def comments_in(path: str, text: str) -> Callable[[int], bool]:
    """Tells of an offset of a file's text whether a comment begins there, or goes on."""
    language = language_of(path)
    begins, closers = comment_marks(language)
    reading = read(language, text) if any(closer in text for closer in closers) else None

    def found(at: int) -> bool:
        if begins.match(text, at):
            return True
        opened = () if reading is None else reading.at(at)
        return any(each.quoted and each.closer in closers for each in opened)

    return found


@cache
def comment_marks(language: str) -> tuple[re.Pattern[str], frozenset[str]]:
    """What finds a comment's beginning, and the closing marks of those that span lines."""
    row = profile_of(language)
    long = [quote for quote in row.quotes if quote.comment]
    begins = "|".join([*row.comments, *(quote.opener for quote in long)]) or NOTHING
    return re.compile(begins), frozenset(quote.closer for quote in long)
