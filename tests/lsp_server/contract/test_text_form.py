"""How a file indents: found in its lines, kept while one types, turned into columns and back."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lsp_server.contract.text_form import CANONICAL, TextForm, find_form
from lsp_server.documents.positions import Encoding, Position
from lsp_server.documents.text_documents import Documents, Edit, TextDocument

CLASS = "class A:\n{0}def f(self):\n{0}{0}if self:\n{0}{0}{0}return 1\n"
UNITS = st.sampled_from(["\t", " ", "  ", "   ", "    ", " " * 8])


def open_document(text: str) -> TextDocument:
    """A document as an editor opens it."""
    document = TextDocument("file:///a.py", "python", Encoding.UTF16)
    document.replace(text)
    return document


@pytest.mark.parametrize("unit", ["\t", "  ", "   ", "    ", " " * 8])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_s_own_lines_show_its_form(unit: str, end: str) -> None:
    text = CLASS.format(unit).replace("\n", end)
    assert open_document(text).form == TextForm(unit)


@pytest.mark.parametrize(
    "text",
    ["", "x = 1\n", "# note:\n   text\n", "if a:\n", "if a:\n     x = 1\n"],
    ids=["empty", "flat", "comment", "header alone", "one odd line"],
)
def test_a_text_without_indented_code_shows_none(text: str) -> None:
    assert find_form(text, "python") is None


def test_aligned_lines_docstrings_and_long_parameters_are_no_levels() -> None:
    text = '''
def f(
        first,
        second):
    """Note:
       three.
    """
    call(a,
         b)
    if a:
        return {
              "x": 1}
'''
    assert find_form(text, "python") == CANONICAL


def test_a_language_without_colons_shows_its_form_too() -> None:
    assert find_form("{\n  a {\n    b\n  }\n}\n", "go") == TextForm("  ")


def test_what_is_typed_never_turns_a_form_and_a_rewritten_file_does() -> None:
    document = open_document(CLASS.format("\t") * 20)
    assert document.form == TextForm("\t")
    for line in range(30):
        document.apply(Edit(Position(line * 2, 0), Position(line * 2, 0), "if x:\n  y()\n"))
        assert document.form == TextForm("\t")
    document.take(CLASS.format("  ") * 20)
    assert document.form == TextForm("  ")


def test_a_new_file_is_taken_to_be_like_the_one_opened_last_until_it_shows_its_own() -> None:
    documents = Documents()
    documents.open("new", "python", "class B:\n")
    new = documents.get("new")
    assert new is not None
    assert documents.form_of(new) == CANONICAL
    documents.open("tabs", "python", CLASS.format("\t"))
    documents.open("notes", "markdown", CLASS.format("  "))
    assert documents.form_of(new) == TextForm("\t")
    documents.edit("new", [Edit(Position(1, 0), Position(1, 0), "   def g(self): ...\n")])
    assert documents.form_of(new) == TextForm("   ")


@given(UNITS, st.integers(0, 12))
def test_levels_are_written_back_as_they_were_read(unit: str, levels: int) -> None:
    form = TextForm(unit)
    assert form.columns(unit * levels) == 4 * levels
    assert form.space(4 * levels) == unit * levels


@given(UNITS, st.text(" \t", max_size=20), st.text(" \t", max_size=3))
@example(" ", "  ", "\t")
def test_more_white_space_never_has_fewer_columns(unit: str, space: str, more: str) -> None:
    form = TextForm(unit)
    assert form.columns(space) <= form.columns(space + more)


@given(st.integers(0, 60))
def test_the_canonical_form_counts_spaces(columns: int) -> None:
    assert CANONICAL.columns(" " * columns) == columns
    assert CANONICAL.space(columns) == " " * columns
