"""What is wrong with a suggestion where it stands, by cases made by hand; ¦ is the cursor."""

import pytest

from lsp_server.bench.client.offers import Offer
from lsp_server.bench.reporting.faults import Fault, Sight, judge, tally


def sight(text: str, offered: str, covers: int = 0) -> Sight:
    before, _, after = text.partition("¦")
    return Sight(before, after, Offer(offered, covers=covers))


def faults(text: str, offered: str, covers: int = 0) -> set[Fault]:
    return set(judge(sight(text, offered, covers), right=False).faults)


def cases(text: str, offered: str) -> set[Fault]:
    return set(judge(sight(text, offered), right=False).cases)


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ('if __name__ == "¦"', '__main__":'),
        ('setenv("LLM_USER_PA¦")', 'TH", str'),
        ("x = f'{a}¦'", "b' + c"),
        ('"""Doc ¦"""\n', 'string."""'),
    ],
)
def test_a_quote_doubled_in_a_closed_string_breaks_the_line(text: str, offered: str) -> None:
    assert Fault.BROKEN in faults(text, offered)


@pytest.mark.parametrize(
    ("text", "offered", "covers"),
    [
        ('if __name__ == "¦"', "__main__", 0),
        ('setenv("LLM_USER_PA¦")', 'TH", str)', 2),
        ('x = "¦"', 'a", "b', 0),
    ],
)
def test_a_string_that_is_closed_once_breaks_nothing(text: str, offered: str, covers: int) -> None:
    assert Fault.BROKEN not in faults(text, offered, covers)


@pytest.mark.parametrize("text", ["x = ¦", 'x = "a¦', "# it's ¦ '", 'x = "a" + ¦ + "b"'])
def test_only_a_string_closed_behind_the_cursor_can_break(text: str) -> None:
    assert Fault.BROKEN not in cases(text, "b")


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("def __in¦(self):", "it__(self"),
        ("os.pa¦.join(a, b)", "th.join"),
        ('open(path, "¦") as handle:', 'w") as'),
        ("f(¦)", "a)"),
        ("f(¦, b)", "a, b"),
        ("if x¦:", " > 0:"),
        ("assert code == ¦200", "200"),
        ("def f(¦):", "a, b):\n    pass"),
    ],
)
def test_what_follows_on_the_line_is_repeated(text: str, offered: str) -> None:
    assert Fault.REPEAT in faults(text, offered)


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("f(¦)", "g(a)"),
        ("f(¦)", "[x[0]]"),
        ("def __in¦(self):", "it__"),
        ("f(¦, b)", "bb"),
        ("max¦(x)", "imum"),
        ('open(path, "¦") as handle:', "w"),
        ("x = a¦ + b", ".b"),
    ],
)
def test_what_only_looks_alike_is_no_repeat(text: str, offered: str) -> None:
    assert faults(text, offered) == set()


def test_a_closing_mark_whose_place_is_taken_is_no_repeat() -> None:
    assert faults("f(¦)", "a)", covers=1) == set()


def test_without_code_behind_the_cursor_nothing_can_be_repeated() -> None:
    assert Fault.REPEAT not in cases("f(a¦  \nb)", ", b)")


@pytest.mark.parametrize("offered", ['db["', "add('a', action='store_true", 'f"{x} and'])
def test_a_string_that_the_suggestion_opens_and_leaves_open(offered: str) -> None:
    assert faults("¦\n", offered) == {Fault.OPEN_STRING}


@pytest.mark.parametrize(
    ("text", "offered"),
    [("¦\n", 'db["a"]'), ("¦\n", '"""Text'), ('x = "a¦\n', "b"), ("# ¦", "it's")],
)
def test_a_string_that_is_closed_or_was_open_before(text: str, offered: str) -> None:
    assert Fault.OPEN_STRING not in faults(text, offered)


CLASS = "class Account:\n\tdef __init__(self, owner):\n\t\tself.owner = owner\n"
LOOP = "for item in items:\n        result += item.price\n"


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        (f"{CLASS}\t\t¦\n", "\t   Assume"),
        (f"{CLASS}\t\t¦\n", " x = 1"),
        (f"{LOOP}    ¦", "     return item"),
        ("if x:\n¦", "y"),
        ("x = 1\n¦", "if y:\n    z()\n  w()"),
        ("def f():\n    return 1¦\n", "\n      y = 2"),
    ],
)
def test_a_line_at_a_level_that_python_refuses(text: str, offered: str) -> None:
    assert Fault.INDENTATION in faults(text, offered)


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        (f"{CLASS}\t\t¦\n", "x = 1"),
        (f"{CLASS}\t¦\n", "def f(self):\n\t\tpass\n\tx = 1"),
        (f"{LOOP}¦", "return result"),
        ("if x:¦", "\n    y()\n    z()"),
        ("x = f(\n      ¦", "a,\n  b)"),
        ('"""Text\n   ¦', "more\n  text"),
        ("if x:\n    y = [\n        1,\n    ]\n    ¦", "z = {\n  1: 2,\n}\n    w()"),
        ("x = 1\n¦", "# note\n    # other"),
    ],
)
def test_a_line_at_a_level_that_is_open(text: str, offered: str) -> None:
    assert Fault.INDENTATION not in faults(text, offered)


def test_only_a_suggestion_that_begins_a_line_can_stand_nowhere() -> None:
    assert Fault.INDENTATION not in cases("    x = ¦", "1")
    assert Fault.INDENTATION in cases("    ¦", "x")
    assert Fault.INDENTATION in cases("    x = ¦", "1\ny")


def test_what_the_truth_has_is_no_fault() -> None:
    verdict = judge(sight("f(¦, b)", "a, b"), right=True)
    assert verdict.faults == frozenset()
    assert Fault.REPEAT in verdict.cases


def test_verdicts_are_counted_by_kind() -> None:
    found = tally(
        judge(sight(text, offered), right=False)
        for text, offered in (("f(¦)", "a)"), ("f(¦)", "a"), ("x¦", "y"))
    )
    assert (found.faults, found.cases[Fault.REPEAT], found.cases[Fault.OPEN_STRING]) == (
        {Fault.REPEAT: 1},
        2,
        3,
    )
