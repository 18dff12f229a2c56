"""Edited regions: they follow their lines, merge, stay short, and keep nothing that was deleted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.documents.edited_regions import LONGEST, REGIONS, Change, EditedRegions, Region
from lsp_server.documents.positions import Position
from lsp_server.documents.text_documents import Documents, Edit

LINES = "".join(f"line {at}\n" for at in range(200))


def edit(first: int, last: int, text: str) -> Edit:
    """An edit of whole lines."""
    return Edit(Position(first, 0), Position(last, 0), text)


def regions(documents: Documents) -> list[tuple[int, int]]:
    """First line and end of each region, the latest first."""
    return [(region.first, region.end) for region in documents.edited]


def opened() -> Documents:
    """Documents with one of 200 lines."""
    documents = Documents()
    documents.open("u", "python", LINES)
    return documents


def test_the_latest_region_stands_first_and_earlier_ones_move_with_their_lines() -> None:
    documents = opened()
    documents.edit("u", [edit(100, 100, "new\nnew\n")])
    documents.edit("u", [edit(10, 10, "x\n" * 5)])
    assert regions(documents) == [(10, 16), (105, 108)]
    documents.edit("u", [edit(20, 40, "")])
    assert regions(documents)[-1] == (85, 88)


def test_changes_close_to_each_other_are_one_region_of_bounded_length() -> None:
    documents = opened()
    for line in range(20, 70):
        documents.edit("u", [Edit(Position(line, 0), Position(line, 0), "typed ")])
    [region] = documents.edited
    assert region.end - region.first <= LONGEST
    assert region.first <= 69 < region.end


def test_what_was_deleted_is_in_no_region() -> None:
    documents = opened()
    documents.edit("u", [edit(50, 60, "secret of mine\n" * 10)])
    documents.edit("u", [edit(45, 65, "")])
    documents.close("u")
    assert all("secret" not in (region.text or "") for region in documents.edited)


def test_a_closed_documents_regions_keep_their_text_until_it_is_opened_or_forgotten() -> None:
    documents = opened()
    documents.edit("u", [edit(50, 50, "mine\n")])
    documents.close("u")
    assert list(documents.edited) == [Region("u", 50, 52, "mine\nline 50\n")]
    documents.open("u", "python", LINES)
    assert not list(documents.edited)
    documents.edit("u", [edit(50, 50, "mine\n")])
    documents.forget("u", "python")
    assert not list(documents.edited)


def test_a_new_whole_text_drops_the_regions() -> None:
    documents = opened()
    documents.edit("u", [edit(50, 50, "mine\n"), "all new"])
    assert not list(documents.edited)


changes = st.tuples(st.integers(0, 150), st.integers(1, 9), st.integers(1, 9))


@settings(deadline=None)
@given(st.lists(changes, max_size=60))
def test_regions_stay_within_bounds_and_do_not_overlap(
    given_changes: list[tuple[int, int, int]],
) -> None:
    edited = EditedRegions()
    for first, removed, added in given_changes:
        edited.record("u", Change(first, removed, added))
        found = list(edited)
        assert len(found) <= REGIONS
        assert all(0 < region.end - region.first <= LONGEST for region in found)
        assert all(region.first >= 0 for region in found)
        ordered = sorted(found, key=lambda region: region.first)
        assert all(a.end <= b.first for a, b in zip(ordered, ordered[1:], strict=False))
