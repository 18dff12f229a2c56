"""Texts in the one form that the model reads: \\n at line ends, four spaces for each level.

Training, evaluation, the project's files and the server write it by these functions. Of a text that
has the form already nothing changes.
"""

from collections.abc import Iterable, Iterator

from lsp_server.contract.languages.profiles import has_grammar
from lsp_server.contract.line_state import (
    FLAT,
    START,
    Level,
    LineState,
    advance,
    column_of,
)
from lsp_server.contract.text_form import CANONICAL, TextForm, find_form, with_plain_ends


def start_of(language: str) -> LineState:
    """What a text of a language begins in."""
    return START if has_grammar(language) else FLAT


def canonical_text(text: str, language: str = "python") -> str:
    """A whole text in the canonical form, its own form found in itself."""
    plain = with_plain_ends(text)
    form = find_form(plain, language) or CANONICAL
    return in_canonical_form(plain, form, start_of(language))


def canonical_parts(
    prefix: str, suffix: str, texts: Iterable[str], language: str = "python"
) -> tuple[str, str, list[str]]:
    """Text around a place, and texts that were put there, in the canonical form.

    The form is found in what stands around.
    """
    plain, below = with_plain_ends(prefix), with_plain_ends(suffix)
    form, state = find_form(plain + below, language) or CANONICAL, start_of(language)
    before = in_canonical_form(plain, form, state)
    rest, *put = (
        in_canonical_form(plain + with_plain_ends(text), form, state)[len(before) :]
        for text in (below, *texts)
    )
    return before, rest, put


def in_canonical_form(text: str, form: TextForm, state: LineState = START) -> str:
    """A text with plain line ends and this form of indentation in the canonical form.

    `state` is what is open where it begins.
    """
    if has_it(text, form):
        return text
    return "\n".join(line for line, _ in canonical_lines(text.split("\n"), form, state))


def has_it(text: str, form: TextForm) -> bool:
    """Whether nothing of a text with plain line ends would change."""
    if form != CANONICAL or "\t" not in text:
        return form == CANONICAL
    return "\n\t" not in text and " \t" not in text and text[0] != "\t"


def canonical_lines(
    lines: Iterable[str], form: TextForm, state: LineState
) -> Iterator[tuple[str, LineState]]:
    """Each line in the canonical form, with what is open behind it."""
    for line in lines:
        content = line.lstrip(" \t")
        space = line[: len(line) - len(content)]
        column = column_of(state, space, form)
        state = advance(state, content, Level(column, space))
        yield " " * column + content, state


def unchanged_lines(
    lines: Iterable[str], form: TextForm, state: LineState
) -> Iterator[tuple[str, LineState]]:
    """The same for lines of which nothing would change."""
    for line in lines:
        content = line.lstrip(" ")
        space = line[: len(line) - len(content)]
        state = advance(state, content, Level(len(space), space))
        yield line, state
