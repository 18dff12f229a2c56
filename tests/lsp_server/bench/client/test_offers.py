"""What an answer puts on show, on answers written by hand."""

from typing import Any

import pytest

from lsp_server.bench.client.offers import Offer, inline_offers, menu_offers, plain_text
from lsp_server.bench.client.positions import Cursor
from lsp_server.documents.positions import Encoding
from lsp_server.errors import BenchError


def cursor_in(marked: str) -> Cursor:
    """The cursor at the mark `|`."""
    return Cursor(marked.replace("|", ""), marked.index("|"), Encoding.UTF16)


def span(line: int, start: int, end: int) -> dict[str, Any]:
    """A range in one line."""
    return {
        "start": {"line": line, "character": start},
        "end": {"line": line, "character": end},
    }


def test_an_inline_item_without_range_is_inserted_as_it_is() -> None:
    assert inline_offers({"items": [{"insertText": "urn x"}]}, cursor_in("ret|")) == [
        Offer("urn x")
    ]


def test_an_inline_item_that_replaces_the_word_offers_only_what_is_not_typed() -> None:
    item = {"insertText": "return x", "range": span(0, 0, 3)}
    assert inline_offers([item], cursor_in("ret|")) == [Offer("urn x")]


def test_an_inline_item_that_replaces_text_after_the_cursor_says_how_much() -> None:
    item = {"insertText": "f(a, b)", "range": span(0, 0, 5)}
    assert inline_offers([item], cursor_in("f(a,|)")) == [Offer(" b)", covers=1)]


def test_an_item_that_says_what_stands_there_is_not_shown() -> None:
    assert inline_offers([{"insertText": "()", "range": span(0, 1, 3)}], cursor_in("f(|)")) == []


def test_a_range_after_an_emoji_counts_in_the_servers_units() -> None:
    item = {"insertText": "return", "range": span(1, 6, 9)}
    assert inline_offers([item], cursor_in("#\n'🎉'; ret|")) == [Offer("urn")]


def test_an_item_that_changes_typed_text_says_how_much() -> None:
    item = {"insertText": "String", "range": span(0, 0, 3)}
    assert inline_offers([item], cursor_in("str|")) == [Offer("String", rewrites=3)]


@pytest.mark.parametrize("nothing", [None, [], {"items": []}, {"items": None}])
def test_an_empty_answer_shows_nothing(nothing: Any) -> None:
    assert inline_offers(nothing, cursor_in("x|")) == []
    assert menu_offers(nothing, cursor_in("x|")) == []


def test_an_item_that_adds_nothing_is_not_shown() -> None:
    assert menu_offers([{"label": "foo"}], cursor_in("foo|")) == []


def test_the_same_text_twice_is_one_offer() -> None:
    items = [{"insertText": "x"}, {"insertText": "y"}, {"insertText": "x"}]
    assert inline_offers(items, cursor_in("|")) == [Offer("x"), Offer("y")]


def test_a_menu_item_completes_the_word_at_the_cursor_only() -> None:
    assert menu_offers([{"label": "append"}], cursor_in("xs.ap|")) == [Offer("pend")]


def test_a_menu_lists_by_sort_text_and_by_label_where_there_is_none() -> None:
    items = [{"label": "ab"}, {"label": "az", "sortText": "a"}, {"label": "aa"}]
    assert menu_offers(items, cursor_in("a|")) == [Offer("z"), Offer("a"), Offer("b")]


def test_a_menu_hides_what_does_not_go_on_from_the_word() -> None:
    items = [{"label": "zip"}, {"label": "print"}, {"label": "Prim"}]
    assert menu_offers(items, cursor_in("pri|")) == [Offer("Prim", rewrites=3), Offer("nt")]


def test_a_menu_items_edit_wins_over_its_texts() -> None:
    edit = {"range": span(0, 0, 2), "newText": "self.x"}
    item = {"label": "other", "insertText": "another", "filterText": "self", "textEdit": edit}
    assert menu_offers([item], cursor_in("se|")) == [Offer("lf.x")]


def test_a_snippet_is_shown_as_its_text() -> None:
    item = {"label": "f", "insertText": "f(${1:x}, $2)$0", "insertTextFormat": 2}
    assert menu_offers([item], cursor_in("|")) == [Offer("f(x, )")]
    text = {"kind": "snippet", "value": "f($1)"}
    assert inline_offers([{"insertText": text}], cursor_in("|")) == [Offer("f()")]


@pytest.mark.parametrize(
    ("snippet", "text"),
    [
        ("${1:a${2:b}}$0", "ab"),
        (r"cost: \$5 \} \\", "cost: $5 } \\"),
        (r"\\${1:x}", "\\x"),
        ("${1|one,two|}!", "one!"),
        ("${TM_FILENAME}", ""),
    ],
)
def test_snippet_syntax_is_resolved(snippet: str, text: str) -> None:
    assert plain_text(snippet) == text


@pytest.mark.parametrize(
    "answer", [[{"label": 3}, {}], ["x"], 7, {"items": [{"insertText": None}]}]
)
def test_an_answer_of_another_shape_is_an_error(answer: Any) -> None:
    with pytest.raises(BenchError, match="expected an LSP"):
        inline_offers(answer, cursor_in("x|"))
    with pytest.raises(BenchError, match="expected an LSP"):
        menu_offers(answer, cursor_in("x|"))
