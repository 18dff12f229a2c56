"""Snapshot: a cheap snapshot of the other documents and the latest edits."""

from timeit import repeat

import pytest

from lsp_server.completion.context.snapshot import LONGEST_TEXT, MOST_TEXTS, Lookout, Snapshot
from lsp_server.documents.exclusions import Exclusions
from lsp_server.documents.positions import Position
from lsp_server.documents.text_documents import Documents, Edit, TextDocument

ROOT = "file:///w"
SOURCE = "".join(f"line {at}\n" for at in range(300))


def look(documents: Documents, lookout: Lookout, uri: str, line: int = 0) -> Snapshot:
    """The surroundings of a line."""
    document = documents.get(uri)
    assert isinstance(document, TextDocument)
    return lookout.look(document, line, [ROOT], Exclusions(("**/.env*",)))


def test_other_documents_are_seen_as_they_stand_and_are_the_same_until_they_change() -> None:
    documents = Documents()
    lookout = Lookout(documents)
    documents.open(f"{ROOT}/a.py", "python", "a")
    documents.open(f"{ROOT}/sub/b.py", "python", "b\n")
    [first] = look(documents, lookout, f"{ROOT}/a.py").open_texts
    assert (first.path, first.text) == ("sub/b.py", "b\n")
    documents.edit(f"{ROOT}/a.py", [Edit(Position(0, 1), Position(0, 1), "x")])
    assert look(documents, lookout, f"{ROOT}/a.py").open_texts[0] is first
    documents.edit(f"{ROOT}/sub/b.py", [Edit(Position(0, 1), Position(0, 1), "x")])
    assert look(documents, lookout, f"{ROOT}/a.py").open_texts[0].text == "bx\n"
    documents.close(f"{ROOT}/sub/b.py")
    assert look(documents, lookout, f"{ROOT}/a.py").open_texts == ()


def test_huge_documents_and_more_than_some_are_left_out() -> None:
    documents = Documents()
    documents.open("u", "python", "")
    documents.open("huge", "python", "x" * (LONGEST_TEXT + 1))
    assert look(documents, Lookout(documents), "u").open_texts == ()
    for at in range(MOST_TEXTS + 5):
        documents.open(f"u{at}", "python", "")
    found = look(documents, Lookout(documents), "u").open_texts
    assert [item.uri for item in found] == [f"u{at}" for at in range(5, MOST_TEXTS + 5)]


def test_edits_near_the_cursor_are_not_repeated_and_far_ones_are_read_as_they_stand() -> None:
    documents = Documents()
    lookout = Lookout(documents)
    documents.open(f"{ROOT}/a.py", "python", SOURCE)
    documents.edit(f"{ROOT}/a.py", [Edit(Position(10, 0), Position(10, 0), "typed ")])
    assert look(documents, lookout, f"{ROOT}/a.py", 12).edits == ()
    [edit] = look(documents, lookout, f"{ROOT}/a.py", 250).edits
    assert (edit.path, edit.first, edit.text) == ("a.py", 10, "typed line 10\n")
    documents.edit(f"{ROOT}/a.py", [Edit(Position(10, 0), Position(10, 6), "")])
    assert look(documents, lookout, f"{ROOT}/a.py", 250).edits[0].text == "line 10\n"


@pytest.mark.alone
def test_a_snapshot_while_typing_takes_less_than_a_millisecond() -> None:
    documents = Documents()
    lookout = Lookout(documents)
    for at in range(MOST_TEXTS):
        documents.open(f"{ROOT}/{at}.py", "python", SOURCE * 10)
    for at in range(0, 290, 20):
        documents.edit(f"{ROOT}/0.py", [Edit(Position(at, 0), Position(at, 0), "x")])
    times = repeat(lambda: look(documents, lookout, f"{ROOT}/1.py", 150), number=1, repeat=50)
    assert min(times) < 1e-3
