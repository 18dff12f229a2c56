"""Blocks and the editor's indentation, on lines worked by hand."""

from random import Random

import pytest

from lsp_server.bench.replay.blocks import automatic_indentation, block_at, choose_blocks

CODE = "def add(first, second):\n    total = first + second\n    return total\n"


@pytest.mark.parametrize(
    ("above", "line", "inserted"),
    [
        ("x = 1", "y = 2", 0),
        ("    x = 1", "    y = 2", 4),
        ("    x = 1", "y = 2", 0),
        ("        return", "    y = 2", 4),
        ("if x:", "    y = 2", 4),
        ("if x:  ", "    y = 2", 4),
        ("    if x:", "        y = 2", 8),
        ("call(", "    x,", 0),
        ("    call(", "         x,", 4),
        ("if x:", "  y", 2),
        ("if x:", "        y", 4),
        ("\tif x:", "\t\ty", 2),
        ("\tx", "    y", 0),
        ("", "    y", 0),
        ("    x", "", 0),
    ],
)
def test_the_editor_indents_like_the_line_above_and_four_more_after_a_colon(
    above: str, line: str, inserted: int
) -> None:
    assert automatic_indentation(above, line) == inserted


def test_a_block_counts_all_characters_but_automatic_indentation() -> None:
    block = block_at(CODE, 0, 3)
    assert block.text == CODE.removesuffix("\n")
    assert block.automatic == {24, 25, 26, 27, 51, 52, 53, 54}
    assert block.characters == 23 + 1 + 22 + 1 + 12


def test_the_first_lines_own_indentation_stays_in_the_file() -> None:
    block = block_at(CODE, 1, 2)
    assert block.text == "total = first + second\n    return total"
    assert CODE[block.start :].startswith("total = ")
    assert block.characters == 22 + 1 + 12


def test_a_first_line_that_the_editor_does_not_indent_is_typed_whole() -> None:
    block = block_at("call(\n    x,\n    y,\n)\n", 1, 2)
    assert block.text == "    x,\n    y,"
    assert block.automatic == {7, 8, 9, 10}


def test_a_blank_line_keeps_the_indentation_of_the_line_before_it() -> None:
    block = block_at("def f():\n    a = 1\n\n    b = 2\n", 1, 3)
    assert block.text == "a = 1\n\n    b = 2"
    assert block.characters == 5 + 2 + 5


def test_blocks_of_a_file_do_not_overlap_and_start_with_text() -> None:
    text = "".join(f"x{i} = {i}\n\n" for i in range(40))
    blocks = choose_blocks(text, 6, Random(1))
    lines = sorted(block.line for block in blocks)
    assert len(blocks) >= 6
    assert all(later - earlier >= 6 for earlier, later in zip(lines, lines[1:], strict=False))
    assert all(block.text[0] == "x" and block.text.count("\n") == 5 for block in blocks)


def test_comments_and_blank_lines_alone_are_no_block() -> None:
    assert choose_blocks("# one\n\n# two\n", 3, Random(0)) == []
    assert len(choose_blocks("# one\n\nx = 1\n", 3, Random(0))) == 1


def test_a_file_shorter_than_a_block_has_none() -> None:
    assert choose_blocks("x = 1\ny = 2\n", 3, Random(0)) == []


def test_the_choice_follows_the_seed() -> None:
    text = "".join(f"x{i} = {i}\n" for i in range(100))
    assert choose_blocks(text, 12, Random(3)) == choose_blocks(text, 12, Random(3))
    assert choose_blocks(text, 12, Random(3)) != choose_blocks(text, 12, Random(4))
