"""Type-through: an earlier candidate's rest is right exactly where nothing else changed."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.request_trace import Generation
from lsp_server.completion.suggestion_cache import CURSORS, DOCUMENTS, Rest, SuggestionCache
from lsp_server.documents.positions import Encoding, Position
from lsp_server.documents.text_documents import PREFIX_CHARACTERS, Edit, TextDocument
from lsp_server.engines import Candidate, StopReason

TEXTS = st.text(alphabet="ab\n", max_size=8)
CURSOR = Cursor(uri="u", language="python", path="a.py", prefix="x = ", suffix="\ny\n")


def candidate_of(text: str) -> Candidate:
    """A candidate of one token per character."""
    return Candidate(tuple(text), (-0.1,) * len(text), StopReason.END)


def remember(cache: SuggestionCache, cursor: Cursor, *texts: str) -> None:
    """Have a run of the engine remembered that gave these texts."""
    candidates = tuple(map(candidate_of, texts))
    cache.remember(
        cursor, Generation(prompt=(), candidates=candidates, read=None, milliseconds=1.0)
    )


def texts_of(rests: list[Rest]) -> list[list[str]]:
    """The texts that are left."""
    return [[candidate.text for candidate in rest.candidates] for rest in rests]


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_a_rest_is_found_exactly_where_the_text_is_the_old_one_with_a_part_typed(
    prefix: str, text: str, new_prefix: str, suffix: str
) -> None:
    cache = SuggestionCache()
    remember(cache, replace(CURSOR, prefix=prefix, suffix=suffix), text)
    found = cache.find(replace(CURSOR, prefix=new_prefix, suffix=suffix))
    typed = new_prefix.removeprefix(prefix)
    along = new_prefix.startswith(prefix) and text.startswith(typed)
    assert bool(found) == along
    if along:
        assert texts_of(found) == [[text.removeprefix(typed)]]
        assert found[0].typed == len(typed)


def test_a_change_behind_the_cursor_or_in_the_path_makes_earlier_candidates_worthless() -> None:
    cache = SuggestionCache()
    remember(cache, CURSOR, "value")
    typed = replace(CURSOR, prefix="x = va")
    assert texts_of(cache.find(typed)) == [["lue"]]
    for other in (
        replace(typed, suffix="\nz\n"),
        replace(typed, path="b.py"),
        replace(typed, uri="v"),
        replace(typed, prefix="x = vb"),
        replace(typed, prefix="z = va"),
    ):
        assert not cache.find(other)


def test_all_candidates_that_agree_with_what_is_typed_go_on() -> None:
    cache = SuggestionCache()
    remember(cache, CURSOR, "value", "valid", "other")
    assert texts_of(cache.find(replace(CURSOR, prefix="x = val"))) == [["ue", "id"]]


def test_a_person_who_asks_is_answered_only_by_what_a_person_asked_for_at_the_same_place() -> None:
    cache = SuggestionCache()
    asked, typed = replace(CURSOR, invoked=True), replace(CURSOR, prefix="x = v")
    remember(cache, CURSOR, "value")
    assert not cache.find(asked)
    remember(cache, asked, "value", "other")
    assert texts_of(cache.find(asked)) == [["value", "other"]]
    assert texts_of(cache.find(CURSOR)) == [["value", "other"], ["value"]]
    assert texts_of(cache.find(typed)) == [["alue"], ["alue"]]
    assert not cache.find(replace(typed, invoked=True))


def test_nothing_is_remembered_as_nothing_only_where_it_was_asked() -> None:
    cache = SuggestionCache()
    remember(cache, CURSOR)
    assert texts_of(cache.find(CURSOR)) == [[]]
    assert not cache.find(replace(CURSOR, prefix="x = v"))


@given(st.integers(0, 9), st.integers(0, 5_000))
def test_a_long_documents_window_may_start_elsewhere(typed: int, moved: int) -> None:
    text = "line of text\n" * (PREFIX_CHARACTERS // 6)
    cache = SuggestionCache()
    remember(cache, replace(CURSOR, prefix=text), "suggested")
    found = cache.find(replace(CURSOR, prefix=text[moved:] + "suggested"[:typed]))
    assert texts_of(found) == [["suggested"[typed:]]]


@given(st.integers(0, 40_000), st.integers(1, 60))
@settings(max_examples=30)
def test_typing_along_in_a_long_document_is_followed_wherever_its_window_starts(
    line: int, typed: int
) -> None:
    text = "suggested_name = 'suggested value of the name, a long one'"
    document = TextDocument("u", "python", Encoding.UTF8, ["x = 1\n"] * 40_001)
    cache = SuggestionCache()
    remember(cache, replace(CURSOR, prefix=document.before(line, 0)), text)
    document.apply(Edit(Position(line, 0), Position(line, 0), text[:typed]))
    column = min(typed, len(text))
    found = cache.find(replace(CURSOR, prefix=document.before(line, column)))
    assert texts_of(found) == [[text[typed:]]]


def test_what_was_asked_long_ago_is_forgotten() -> None:
    cache = SuggestionCache()
    for number in range(DOCUMENTS + 1):
        remember(cache, replace(CURSOR, uri=str(number)))
    assert not cache.find(replace(CURSOR, uri="0"))
    assert cache.find(replace(CURSOR, uri="1"))
    for number in range(CURSORS):
        remember(cache, replace(CURSOR, uri="1", prefix=str(number)))
    assert not cache.find(replace(CURSOR, uri="1"))
    cache.forget("2")
    assert not cache.find(replace(CURSOR, uri="2"))
    cache.clear()
    assert not cache.find(replace(CURSOR, uri="3"))
