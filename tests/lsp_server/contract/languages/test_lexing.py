"""What stands open in unfinished code."""

from time import thread_time
from timeit import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.languages.lexing import open_before, read


@pytest.mark.parametrize(
    ("text", "opened", "faults"),
    [
        ('x = "', ['"'], 0),
        ("x = '''a\nb'", ["'''"], 0),
        ('print(f"{na', [")", '"', "}"], 0),
        ('print(f"{na}', [")", '"'], 0),
        ('f"{{a', ['"'], 0),
        ('"{a', ['"'], 0),
        ('rb"a\\"', ['"'], 0),
        ("f\"{a!r:>{w}} ' {b", ['"', "}"], 0),
        ("d = {'a': [1, (", ["}", "]", ")"], 0),
        ("# it's (", ["\n"], 0),
        ("# it's (\n", [], 0),
        ('x = "a\ny = (', [")"], 1),
        ("foo(a]", [")"], 1),
        ("foo([a)", [], 1),
        (")", [], 1),
        ('"a\\\nb"', [], 0),
        ('bar"', ['"'], 0),
        ('"""a""""', ['"'], 0),
    ],
)
def test_strings_brackets_and_comments_stand_open_until_they_are_closed(
    text: str, opened: list[str], faults: int
) -> None:
    found = read("python", text)
    assert [item.closer for item in found.stack] == opened
    assert found.faults == faults


def test_a_line_is_read_on_from_the_lines_before_it() -> None:
    before = open_before("python", 'x = [\n    """text\n')
    assert [item.closer for item in before] == ["]", '"""']
    assert all(item.at < 0 for item in before)
    assert read("python", '"""', before).stack == before[:1]


@given(st.text(alphabet="fr(x)[]{}\"'\\#\n\r é", max_size=80), st.integers(0, 80))
def test_reading_on_line_by_line_finds_what_reading_at_once_does(text: str, at: int) -> None:
    cut = text.rfind("\n", 0, at) + 1
    if text[cut - 2 : cut - 1] == "\\":
        return  # an escaped line end may be one of a string
    before = open_before("python", text[:cut])
    found = [item.closer for item in read("python", text[cut:], before).stack]
    assert found == [item.closer for item in read("python", text).stack]


def test_the_work_grows_with_the_text_alone() -> None:
    def seconds(text: str) -> float:
        return timeit(lambda: read("python", text), timer=thread_time, number=1)

    line = "    self.check(name, 'text', [1, 2])  # so\n"
    assert seconds(line * 2000) < 40 * max(seconds(line * 200), 1e-3)
    assert seconds("(" * 2000) < 2
