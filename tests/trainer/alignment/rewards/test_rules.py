"""The rule rewards: cases of `tests/cases/reward_rules.txt`, the text then the truth in `⟦⟧`."""

import ast
import inspect
import re
import statistics
import string
import textwrap
import warnings
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.engines import StopReason
from trainer.alignment.rewards import rules as reward_rules
from trainer.alignment.rewards.protocol import GROUP, BatchReward, Completion, Reward
from trainer.alignment.rewards.rules import Ending, Match, Names, Parses, PassesTests, Repetition
from trainer.alignment.static_analysis import analyse
from trainer.corpus.document import Document
from trainer.errors import RewardError
from trainer.tasks.cursors import sample_cursors

CASES = Path(__file__).parents[3] / "cases" / "reward_rules.txt"
HEADING = re.compile(r"^== (\w+) ([\d.]+) ?(\w*): (.*)\n", re.MULTILINE)
PLACE = re.compile(r"⟦(.*?)⟧⟦(.*?)⟧", re.DOTALL)
RULES: dict[str, Reward] = {
    "parses": Parses(),
    "names": Names(),
    "repetition": Repetition(),
    "ending": Ending(),
    "match": Match(),
}


def read_completion(code: str, stop: str = "") -> Completion:
    """Code with a text and the truth in it."""
    place = PLACE.search(code)
    assert place is not None, code
    return Completion(
        path="a.py",
        prefix=code[: place.start()],
        text=place[1],
        suffix=code[place.end() :],
        truth=place[2],
        stop=StopReason(stop or "rule"),
    )


def cases() -> list[object]:
    """Every case: rule, what it gives, the completion."""
    _, *parts = HEADING.split(CASES.read_text(encoding="utf-8"))
    rows = zip(*(parts[at::5] for at in range(5)), strict=True)
    return [
        pytest.param(rule, float(value), read_completion(code.strip("\n") + "\n", stop), id=title)
        for rule, value, stop, title, code in rows
    ]


@pytest.mark.parametrize(("rule", "value", "completion"), cases())
def test_a_rule_gives_what_its_case_says(rule: str, value: float, completion: Completion) -> None:
    assert RULES[rule](completion) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_cases_of_full_and_of_partial_worth(rule: str) -> None:
    values = {
        float(value) for name, value, *_ in HEADING.findall(CASES.read_text()) if name == rule
    }
    assert 1.0 in values
    assert any(0 < value < 1 for value in values)


texts = st.text(
    st.one_of(st.sampled_from("()[]{}:'\"\\\n\r\t #=.,@\0\x0c\ufeff\ud800"), st.characters())
) | st.lists(
    st.sampled_from(["def f():", "\n", "    ", "x", " = ", "(", ")", '"""', "if", "global x", "@d"])
).map("".join)


@given(prefix=texts, text=texts, suffix=texts, truth=texts, stop=st.sampled_from(StopReason))
def test_no_text_at_no_cursor_makes_a_rule_raise_or_leave_its_range(
    prefix: str, text: str, suffix: str, truth: str, stop: StopReason
) -> None:
    completion = Completion(
        path="a.py", prefix=prefix, text=text, suffix=suffix, truth=truth or "x", stop=stop
    )
    for rule in RULES.values():
        assert 0 <= rule(completion) <= 1
    for rule in (Parses(), Names(), Repetition(), Ending()):
        assert 0 <= rule(replace(completion, truth="")) <= 1


@pytest.mark.parametrize("nested", ["(" * 5000, "-" * 30_000 + "1", "[" * 90 + "]" * 90])
def test_code_that_is_nested_too_deep_is_code_that_does_not_parse_or_does(nested: str) -> None:
    completion = read_completion(f"x = ⟦{nested}⟧⟦1⟧\n")
    assert all(0 <= rule(completion) <= 1 for rule in RULES.values())


def test_names_and_parsing_in_part_of_a_file_are_those_of_the_whole_file() -> None:
    from pyflakes.checker import Checker
    from pyflakes.messages import UndefinedLocal, UndefinedName

    def plainly(prefix: str, text: str, suffix: str) -> set[str] | None:
        """Names that are undefined in the completed lines, by way of the whole file."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = ast.parse(prefix + text + suffix)
            except SyntaxError:
                return None
        first = prefix.count("\n") + 1
        return {
            message.message_args[0]
            for message in Checker(tree).messages
            if isinstance(message, UndefinedName | UndefinedLocal)
            and first <= message.lineno <= first + text.count("\n")
        }

    sources = [inspect.getsource(module) for module in (statistics, string, textwrap)]
    documents = [Document(str(n), "", str(n), "a.py", "", "", s) for n, s in enumerate(sources)]
    cursors = sample_cursors(documents, 9, 5)
    assert len(cursors) == 9
    seen: set[bool] = set()
    for cursor in cursors:
        for text in (
            cursor.truth,
            "unknown(self)",
            f"{cursor.truth}; x = y",
            cursor.truth[:3] + "(",
        ):
            finding = analyse(cursor.prefix, text, cursor.suffix, cursor.truth)
            plain = plainly(cursor.prefix, text, cursor.suffix)
            free = plainly(cursor.prefix, cursor.truth, cursor.suffix) or set()
            assert finding.undefined == (None if plain is None else plain - free)
            seen.add(bool(finding.undefined))
    assert seen == {True, False}


def test_what_python_warns_of_in_a_text_is_no_warning_here() -> None:
    completion = read_completion("x = ⟦'\\d' is 'a'⟧⟦1⟧\n")
    assert Parses()(completion) == Names()(completion) == 1.0


def test_the_share_of_the_prefix_that_is_right_can_be_what_counts() -> None:
    completion = read_completion("x = ⟦abXXabcd⟧⟦abcdabcd⟧\n")
    assert Match(by="prefix")(completion) == pytest.approx(0.5 * 2 / 8)
    assert Match(by="prefix", partial=1)(completion) == pytest.approx(2 / 8)


def test_a_match_without_a_truth_is_an_error_and_no_number() -> None:
    with pytest.raises(ValueError, match="expected a truth to compare with"):
        Match()(read_completion("x = ⟦1⟧⟦⟧\n"))


@pytest.mark.parametrize(
    ("plugin", "options", "said"),
    [
        ("match", {"partial": 2}, "expected partial in 0..1, found 2"),
        ("match", {"by": "sound"}, "expected by similarity or prefix, found 'sound'"),
        ("match", {"part": 1}, "unexpected .*'part'; its options: partial, by"),
        ("repetition", {"lines": -1}, "expected lines of 0 or more, found -1"),
        ("tests", {"programs": 0}, "expected timeout_seconds above 0 and programs of 1 or more"),
        ("parse", {}, "unknown reward parse; known: .*parses"),
    ],
)
def test_an_option_or_name_that_is_wrong_is_one_error_that_says_how(
    plugin: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(RewardError, match=said):
        GROUP.build(plugin, options)


def test_the_rules_come_in_by_the_door_that_is_open_to_all() -> None:
    found = {entry.name: entry.load() for entry in entry_points(group=GROUP.name)}
    assert found.items() >= {name: type(rule) for name, rule in RULES.items()}.items()
    assert found["tests"] is PassesTests


def test_tests_in_the_sandbox_tell_the_right_text_from_wrong_ones() -> None:
    tested = replace(
        read_completion("def add(a, b):\n    return ⟦a + b⟧⟦a + b⟧\n"),
        tests="assert add(1, 2) == 3",
    )
    reward = PassesTests(timeout_seconds=20)
    assert isinstance(reward, BatchReward)
    texts = ["b + a", "a - b", "a +", "b + a"]
    asked = [replace(tested, text=text) for text in texts]
    assert reward.score_all([*asked, replace(tested, tests="")]) == [1, 0, 0, 1, 0]


def test_tests_that_nothing_comes_with_are_an_error() -> None:
    with pytest.raises(ValueError, match="expected completions of problems with tests"):
        PassesTests().score_all([read_completion("x = ⟦1⟧⟦1⟧\n")])
    assert reward_rules.program_of(read_completion("x = ⟦1⟧⟦1⟧\n")) == ""
