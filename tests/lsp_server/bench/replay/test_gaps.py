"""Gaps: what is cut out, and what an answer there is worth."""

from pathlib import Path
from random import Random

import pytest

from lsp_server.bench.client.offers import Offer
from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.replay.gaps import Gap, GapKind, choose_gaps, score_gap
from lsp_server.bench.replay.plans import plan_replay
from lsp_server.bench.texts.files import SourceFile
from lsp_server.bench.texts.forms import form_of
from lsp_server.bench.texts.rewriting import in_form

CODE = """\
def area(width, height):
    if not isinstance(width, int):
        raise ValueError("width must be whole", width)
    total = compute(width, height) * 2
    print(f"area {total} of", width, [1, 2, 3])
    return total + 1
"""


def gaps() -> list[Gap]:
    return [gap for seed in range(40) for gap in choose_gaps(CODE, 3, Random(seed))]


def test_every_kind_is_cut_and_is_what_stands_there() -> None:
    found = gaps()
    assert {gap.kind for gap in found} == set(GapKind)
    for gap in found:
        assert CODE[gap.start : gap.start + len(gap.cut)] == gap.cut
        assert CODE.count("\n", 0, gap.start) == gap.line
        assert len(gap.cut) >= 3


def test_in_the_middle_of_a_line_the_rest_stays() -> None:
    for gap in gaps():
        rest = CODE[gap.start + len(gap.cut) :].partition("\n")[0]
        assert bool(rest.strip()) is gap.kind.is_in_line
        assert ("\n" in gap.cut) <= (not gap.kind.is_in_line)


def test_a_fresh_line_keeps_its_indentation_and_goes_on_for_four_lines_at_most() -> None:
    fresh = {gap.line: gap.cut for gap in gaps() if gap.kind is GapKind.LINES}
    assert fresh[5] == "return total + 1"
    assert fresh[2] == 'raise ValueError("width must be whole", width)'
    assert fresh[0].count("\n") == 3


def test_names_and_strings_may_be_begun() -> None:
    strings = {gap.cut for gap in gaps() if gap.kind is GapKind.STRING}
    assert "width must be whole" in strings or any(
        "width must be whole".endswith(cut) for cut in strings
    )
    assert len(strings) > 2


def gap_at(text: str, cut: str, kind: GapKind) -> tuple[Gap, str]:
    """A gap at ¦ and the whole text."""
    start = text.index("¦")
    return Gap(0, start, cut, kind), text.replace("¦", cut)


@pytest.mark.parametrize(
    ("offer", "exact", "saved"),
    [
        (Offer("first"), True, 5),
        (Offer("fir"), False, 3),
        (Offer("first)"), False, 0),
        (Offer("first)", covers=1), True, 6),
        (Offer("other"), False, 0),
        (Offer("first", rewrites=1), False, 0),
    ],
)
def test_an_answer_is_right_if_the_text_it_leaves_is(offer: Offer, exact: bool, saved: int) -> None:
    gap, text = gap_at("f(¦)", "first", GapKind.ARGUMENTS)
    score = score_gap(gap, text, [offer])
    assert (score.shown, score.saved, score.characters) == (1, saved, 5)
    assert score.exact is (exact and offer.covers == 0)


def test_indentation_is_not_counted_as_saved() -> None:
    gap, text = gap_at("    ¦\n", "if x:\n        y()", GapKind.LINES)
    score = score_gap(gap, text, [Offer("if x:\n        y()")])
    assert (score.saved, score.characters) == (9, 9)


def test_places_stay_what_they_were_in_another_form(tmp_path: Path) -> None:
    root = tmp_path / "owner" / "name"
    root.mkdir(parents=True)
    (root / "m.py").write_text(CODE)
    file = SourceFile(root=root, path="m.py", text=CODE)
    plans = plan_replay(ReplayConfig(command=("x",), blocks=1, lines=4), [file])
    (moved,) = in_form(plans, form_of("crlf-tab"), tmp_path / "copy")
    assert moved.file.name == file.name
    written = (moved.file.root / "m.py").read_bytes()
    assert written == moved.file.text.replace("\n", "\r\n").encode()
    assert "\n\tif not" in moved.file.text
    for old, new in zip(plans[0].gaps, moved.gaps, strict=True):
        assert new.cut.split() == old.cut.split()
        assert moved.file.text[new.start : new.start + len(new.cut)] == new.cut
    for point, there in zip(plans[0].points, moved.points, strict=True):
        assert moved.file.text[there.start :].startswith(point.cut)
    (block,), (old_block,) = moved.blocks, plans[0].blocks
    assert block.text.split() == old_block.text.split()
    assert moved.file.text[block.start :].startswith(block.text)
