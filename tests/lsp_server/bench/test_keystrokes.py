"""The accounting of typing, against editors that offer what a rule says; numbers worked by hand."""

from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.bench.blocks import Block, block_at
from lsp_server.bench.keystrokes import TypingTally, best_text, type_block
from lsp_server.bench.suggestions import Offer

CODE = "def add(first, second):\n    total = first + second\n    return total\n"
CODE_BLOCK = block_at(CODE, 0, 3)


class RuleEditor:
    """An editor whose server offers what a rule says for the text typed so far."""

    def __init__(self, rule: Callable[[str], Sequence[Offer]]) -> None:
        self.text = ""
        self.asked_at: list[str] = []
        self._rule = rule

    def show(self) -> Sequence[Offer]:
        self.asked_at.append(self.text)
        return self._rule(self.text)

    def insert(self, text: str) -> None:
        self.text += text


def line_block(text: str) -> Block:
    """A block of one line or more without indentation."""
    return block_at(text + "\n", 0, text.count("\n") + 1)


def offers(*texts: str) -> list[Offer]:
    """Plain insertions; "" stands for none."""
    return [Offer(text) for text in texts if text]


def typed_with(block: Block, rule: Callable[[str], Sequence[Offer]]) -> TypingTally:
    """The tally of a block typed under a rule."""
    return type_block(block, RuleEditor(rule), 3)


def test_without_suggestions_every_key_but_the_last_is_asked_after() -> None:
    editor = RuleEditor(lambda typed: [])
    tally = type_block(CODE_BLOCK, editor, 3)
    assert tally == TypingTally(characters=59, saved=0, shown=0, taken=0)
    assert len(editor.asked_at) == 59
    assert editor.text == CODE_BLOCK.text


def test_the_rest_of_each_line_saves_all_but_the_newlines() -> None:
    def rest_of_line(typed: str) -> list[Offer]:
        return offers(CODE[len(typed) :].partition("\n")[0])

    editor = RuleEditor(rest_of_line)
    tally = type_block(CODE_BLOCK, editor, 3)
    assert tally == TypingTally(characters=59, saved=57, shown=3, taken=3)
    assert editor.asked_at == ["", CODE[:28], CODE[:55]]


def test_the_whole_block_at_once_saves_everything_and_counts_no_indentation() -> None:
    editor = RuleEditor(lambda typed: offers(CODE_BLOCK.text))
    assert type_block(CODE_BLOCK, editor, 3) == TypingTally(59, saved=59, shown=1, taken=1)
    assert editor.asked_at == [""]


def test_after_a_suggestion_that_ends_in_a_newline_the_editor_indents() -> None:
    first_line = CODE.partition("\n")[0] + "\n"
    editor = RuleEditor(lambda typed: offers(first_line) if not typed else [])
    tally = type_block(CODE_BLOCK, editor, 3)
    assert tally == TypingTally(59, saved=24, shown=1, taken=1)
    assert editor.asked_at[1] == first_line + "    t"


def test_lies_are_all_shown_and_never_taken() -> None:
    tally = typed_with(CODE_BLOCK, lambda typed: offers("lie"))
    assert tally == TypingTally(characters=59, saved=0, shown=59, taken=0)


def test_a_suggestion_typed_along_is_one() -> None:
    def along(typed: str) -> list[Offer]:
        return offers("abcdefX"[len(typed) :])

    assert typed_with(line_block("abcdefgh"), along).shown == 1


def test_a_suggestion_that_comes_again_after_a_wrong_key_is_another() -> None:
    assert typed_with(line_block("abcd"), lambda typed: offers("bX")).shown == 4


def test_another_ending_on_the_way_is_another_suggestion() -> None:
    rule = {"": "abX", "a": "bY", "ab": "Y"}
    assert typed_with(line_block("abcd"), lambda typed: offers(rule.get(typed, ""))).shown == 2


def test_a_suggestion_gone_for_a_key_and_back_is_the_same() -> None:
    rule = {"": offers("abcX"), "ab": offers("cX")}
    assert typed_with(line_block("abcd"), lambda typed: rule.get(typed, [])).shown == 1


def test_a_menu_item_that_rewrites_the_word_is_one_while_it_stays_and_never_taken() -> None:
    def capital(typed: str) -> list[Offer]:
        return [Offer("STRING", rewrites=len(typed))] if typed else []

    assert typed_with(line_block("string"), capital) == TypingTally(6, saved=0, shown=1, taken=0)


def test_a_text_that_would_rewrite_is_not_taken_though_it_fits_what_follows() -> None:
    assert best_text([Offer("abc", rewrites=1)], "abcdef", 3) == ""


def test_the_longest_fitting_text_is_taken_and_all_on_show_are_shown() -> None:
    def menu(typed: str) -> list[Offer]:
        return offers("abc", "abcdeX", "abcd", "b") if not typed else []

    editor = RuleEditor(menu)
    tally = type_block(line_block("abcdefgh"), editor, 3)
    assert tally == TypingTally(characters=8, saved=4, shown=4, taken=1)
    assert editor.asked_at == ["", "abcde", "abcdef", "abcdefg"]


def test_two_characters_are_not_worth_taking() -> None:
    assert typed_with(line_block("abcd"), lambda typed: offers("ab") if not typed else []) == (
        TypingTally(4, saved=0, shown=1, taken=0)
    )


def test_a_text_that_runs_past_the_block_is_not_taken() -> None:
    assert typed_with(line_block("abcd"), lambda typed: offers("abcde"[len(typed) :])).taken == 0


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

    editor = RuleEditor(some_truth_and_some_lies)
    tally = type_block(block, editor, 3)
    assert editor.text == block.text
    assert 0 <= tally.saved <= tally.characters
    assert tally.taken <= min(tally.shown, len(editor.asked_at))
