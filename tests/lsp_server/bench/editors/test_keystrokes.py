"""The accounting of typing, against editors that offer what a rule says; numbers worked by hand."""

from collections.abc import Callable, Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.bench.client.offers import Offer
from lsp_server.bench.editors import EditorRules
from lsp_server.bench.editors.keystrokes import Typing, TypingTally, type_block
from lsp_server.bench.editors.neovim import Neovim
from lsp_server.bench.editors.plain import Plain
from lsp_server.bench.editors.vscode import VisualStudioCode
from lsp_server.bench.replay.blocks import Block, block_at
from lsp_server.bench.texts.python_text import closing_marks

CODE = "def add(first, second):\n    total = first + second\n    return total\n"
CODE_BLOCK = block_at(CODE, 0, 3)


class RulePage:
    """A page whose server offers what a rule says for the text before the cursor."""

    def __init__(self, rule: Callable[[str], Sequence[Offer]], before: str = "") -> None:
        self.before = before
        self.after = ""
        self.asked_at: list[str] = []
        self.seen: list[str] = []
        self._rule = rule

    @property
    def text(self) -> str:
        return self.before + self.after

    def show(self) -> Sequence[Offer]:
        self.asked_at.append(self.before)
        self.seen.append(f"{self.before}|{self.after}")
        return self._rule(self.before)

    def replace(self, back: int, ahead: int, text: str, behind: str = "") -> None:
        self.before = self.before[: len(self.before) - back] + text
        self.after = behind + self.after[ahead:]

    def move(self, characters: int) -> None:
        text, at = self.text, len(self.before) + characters
        self.before, self.after = text[:at], text[at:]


def line_block(text: str) -> Block:
    """A block of one line or more without indentation."""
    return block_at(text + "\n", 0, text.count("\n") + 1)


def offers(*texts: str) -> list[Offer]:
    """Plain insertions; "" stands for none."""
    return [Offer(text) for text in texts if text]


Counts = tuple[int, int, int, int]
"""Characters, those saved; suggestions shown, those taken."""


def typed(block: Block, page: RulePage) -> Counts:
    """What typing a block on the page by the idealised editor comes to."""
    tally = type_block(block, page, Typing(Plain(4), {}, shortest=3))
    return tally.characters, tally.saved, tally.shown, tally.taken


def typed_with(block: Block, rule: Callable[[str], Sequence[Offer]]) -> Counts:
    """The same, under a rule."""
    return typed(block, RulePage(rule))


def test_without_suggestions_every_key_but_the_last_is_asked_after() -> None:
    page = RulePage(lambda typed: [])
    tally = typed(CODE_BLOCK, page)
    assert tally == (59, 0, 0, 0)
    assert len(page.asked_at) == 59
    assert page.text == CODE_BLOCK.text


def test_the_rest_of_each_line_saves_all_but_the_newlines() -> None:
    def rest_of_line(typed: str) -> list[Offer]:
        return offers(CODE[len(typed) :].partition("\n")[0])

    page = RulePage(rest_of_line)
    tally = typed(CODE_BLOCK, page)
    assert tally == (59, 57, 3, 3)
    assert page.asked_at == ["", CODE[:28], CODE[:55]]


def test_the_whole_block_at_once_saves_everything_and_counts_no_indentation() -> None:
    page = RulePage(lambda typed: offers(CODE_BLOCK.text))
    assert typed(CODE_BLOCK, page) == (59, 59, 1, 1)
    assert page.asked_at == [""]


def test_after_a_suggestion_that_ends_in_a_newline_the_editor_indents() -> None:
    first_line = CODE.partition("\n")[0] + "\n"
    page = RulePage(lambda typed: offers(first_line) if not typed else [])
    tally = typed(CODE_BLOCK, page)
    assert tally == (59, 24, 1, 1)
    assert page.asked_at[1] == first_line + "    t"


def test_lies_are_all_shown_and_never_taken() -> None:
    tally = typed_with(CODE_BLOCK, lambda typed: offers("lie"))
    assert tally == (59, 0, 59, 0)


def test_a_suggestion_typed_along_is_one() -> None:
    def along(typed: str) -> list[Offer]:
        return offers("abcdefX"[len(typed) :])

    assert typed_with(line_block("abcdefgh"), along)[2] == 1


def test_a_suggestion_that_comes_again_after_a_wrong_key_is_another() -> None:
    assert typed_with(line_block("abcd"), lambda typed: offers("bX"))[2] == 4


def test_another_ending_on_the_way_is_another_suggestion() -> None:
    rule = {"": "abX", "a": "bY", "ab": "Y"}
    assert typed_with(line_block("abcd"), lambda typed: offers(rule.get(typed, "")))[2] == 2


def test_a_suggestion_gone_for_a_key_and_back_is_the_same() -> None:
    rule = {"": offers("abcX"), "ab": offers("cX")}
    assert typed_with(line_block("abcd"), lambda typed: rule.get(typed, []))[2] == 1


def test_a_menu_item_that_rewrites_the_word_is_one_while_it_stays_and_never_taken() -> None:
    def capital(typed: str) -> list[Offer]:
        return [Offer("STRING", rewrites=len(typed))] if typed else []

    assert typed_with(line_block("string"), capital) == (6, 0, 1, 0)


def test_a_text_that_would_rewrite_is_not_taken_though_it_fits_what_follows() -> None:
    def again(typed: str) -> list[Offer]:
        return [Offer("abc", rewrites=1)] if typed == "" else []

    assert typed_with(line_block("abcdef"), again) == (6, 0, 1, 0)


def test_the_longest_fitting_text_is_taken_and_all_on_show_are_shown() -> None:
    def menu(typed: str) -> list[Offer]:
        return offers("abc", "abcdeX", "abcd", "b") if not typed else []

    page = RulePage(menu)
    tally = typed(line_block("abcdefgh"), page)
    assert tally == (8, 4, 4, 1)
    assert page.asked_at == ["", "abcde", "abcdef", "abcdefg"]


def test_two_characters_are_not_worth_taking() -> None:
    assert typed_with(line_block("abcd"), lambda typed: offers("ab") if not typed else []) == (
        (4, 0, 1, 0)
    )


def test_a_text_that_runs_past_the_block_is_not_taken() -> None:
    assert typed_with(line_block("abcd"), lambda typed: offers("abcde"[len(typed) :]))[3] == 0


@settings(deadline=None)
@given(st.data())
def test_the_block_is_always_typed_out_and_no_figure_passes_its_bound(data: st.DataObject) -> None:
    lines = data.draw(
        st.lists(st.sampled_from(["a:", "    b", "", "        c()", "d"]), min_size=1)
    )
    text = "\n".join(lines)
    block = block_at(text, 0, len(lines))

    def some_truth_and_some_lies(typed: str) -> list[Offer]:
        reach = data.draw(st.integers(0, 12))
        rewrites = data.draw(st.sampled_from([0, 0, 0, 1]))
        true = Offer(block.text[len(typed) : len(typed) + reach], rewrites)
        return [true, *offers(*data.draw(st.lists(st.text("ab: \n", min_size=1), max_size=2)))]

    page = RulePage(some_truth_and_some_lies)
    characters, saved, shown, taken = typed(block, page)
    assert page.text == block.text
    assert 0 <= saved <= characters
    assert taken <= min(shown, len(page.asked_at))


def typed_in(rules: EditorRules, text: str, page: RulePage) -> TypingTally:
    """What typing a whole text by an editor's rules comes to."""
    block = line_block(text)
    return type_block(block, page, Typing(rules, closing_marks(text), shortest=3))


CODE_VSCODE = VisualStudioCode("    ")


def silent(typed: str) -> list[Offer]:
    """Offers nothing."""
    return []


def test_vscode_closes_a_bracket_which_the_user_types_over() -> None:
    page = RulePage(silent)
    tally = typed_in(CODE_VSCODE, "f(a)", page)
    assert page.seen == ["|", "f|", "f(|)", "f(a|)"]
    assert (page.text, tally.keys) == ("f(a)", 4)


def test_vscode_closes_a_quote_which_the_user_types_over() -> None:
    page = RulePage(silent)
    typed_in(CODE_VSCODE, 'x["a"]', page)
    assert page.seen[2:5] == ["x[|]", 'x["|"]', 'x["a|"]']
    assert page.text == 'x["a"]'


def test_a_right_suggestion_leaves_the_closing_mark_that_is_there() -> None:
    rule = {"f(": offers("first")}
    page = RulePage(lambda before: rule.get(before, []))
    tally = typed_in(CODE_VSCODE, "f(first)", page)
    assert page.seen == ["|", "f|", "f(|)", "f(first|)"][:3]
    assert (page.text, tally.saved, tally.taken) == ("f(first)", 5, 1)


def test_a_suggestion_that_closes_what_is_closed_is_not_right() -> None:
    rule = {"f(": offers("first)")}
    tally = typed_in(CODE_VSCODE, "f(first)", RulePage(lambda before: rule.get(before, [])))
    assert (tally.saved, tally.shown, tally.taken) == (0, 1, 0)


def test_a_suggestion_that_takes_the_closing_marks_place_is_right() -> None:
    rule = {"f(": [Offer("first)", covers=1)]}
    page = RulePage(lambda before: rule.get(before, []))
    tally = typed_in(CODE_VSCODE, "f(first)", page)
    assert (page.text, tally.saved, tally.taken) == ("f(first)", 6, 1)


def test_enter_between_brackets_puts_the_closing_one_two_lines_down() -> None:
    page = RulePage(silent)
    tally = typed_in(CODE_VSCODE, "f(\n    a,\n)\ng", page)
    assert page.seen[3] == "f(\n    |\n)"
    assert page.text == "f(\n    a,\n)\ng"
    assert tally.keys == len("f(\na,\n)\ng")


def test_a_closing_mark_goes_along_to_the_next_line() -> None:
    page = RulePage(silent)
    typed_in(CODE_VSCODE, "f(a,\n  b)", page)
    assert "f(a,\n|)" in page.seen
    assert page.text == "f(a,\n  b)"


def test_vscode_indents_after_a_header_and_outdents_after_a_return() -> None:
    page = RulePage(silent)
    text = "def f():\n    if x:\n        return\n    y"
    tally = typed_in(CODE_VSCODE, text, page)
    assert page.text == text
    assert tally.keys == len("def f():\nif x:\nreturn\ny")
    assert tally.given == 0


def test_indentation_that_is_too_deep_is_taken_back_a_level_a_key() -> None:
    page = RulePage(silent)
    text = "if x:\n    if y:\n        z()\nw"
    tally = typed_in(CODE_VSCODE, text, page)
    assert page.text == text
    assert tally.keys == len("if x:\nif y:\nz()\nw") + 2


def test_blanks_that_the_editor_put_into_a_blank_line_go_with_the_next_newline() -> None:
    page = RulePage(silent)
    text = "if x:\n    y\n\n    z"
    tally = typed_in(CODE_VSCODE, text, page)
    assert page.text == text
    assert tally.keys == len("if x:\ny\n\nz")


def test_a_mark_that_the_truth_never_closes_is_deleted_at_once() -> None:
    page = RulePage(silent)
    tally = typed_in(CODE_VSCODE, '# 5 " (', page)
    assert page.text == '# 5 " ('
    assert tally.keys == len('# 5 " (') + 2


def test_neovim_closes_nothing_and_indents_twice_behind_an_open_bracket() -> None:
    page = RulePage(silent)
    text = "x = f(\n        a)\ny"
    tally = typed_in(Neovim("    "), text, page)
    assert "x = f(\n        |" in page.seen
    assert (page.text, tally.keys) == (text, len("x = f(\na)\ny"))


PARTS = ["if x:", "    ", "f(", ")", '"a', '"', "[1,", "]", "'", "{", "}", "# it's", "return"]
PARTS += ['\\"']


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.sampled_from(PARTS), max_size=5).map("".join), min_size=1, max_size=6),
    st.sampled_from([CODE_VSCODE, Neovim("    "), VisualStudioCode("\t")]),
    st.randoms(use_true_random=False),
)
def test_whatever_is_typed_stands_there_in_the_end_in_any_editor(
    lines: list[str], rules: EditorRules, random: Random
) -> None:
    text = "\n".join(lines)

    def rule(before: str) -> list[Offer]:
        reach, covers = random.randrange(9), random.choice([0, 0, 1])
        return [Offer(text[len(before) : len(before) + reach], covers=covers)]

    page = RulePage(rule)
    tally = typed_in(rules, text, page)
    assert page.text == text
    assert tally.saved + tally.given <= tally.characters
