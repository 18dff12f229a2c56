"""What a commit added, as blocks and the documents they are typed into."""

from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from lsp_server.bench.client.editor import Reply, ReplyStatus
from lsp_server.bench.client.offers import Offer
from lsp_server.bench.commits.additions import additions, choose
from lsp_server.bench.commits.examples import Example, examples_of
from lsp_server.bench.editors.session_page import Look

OLD = "import a\n\n\ndef f():\n    return 1\n\n\nlast = 0\n"
NEW = "import a\nimport b\n\n\ndef f():\n    x = b.two()\n    return x\n\n\nlast = 0\n"


def test_each_run_of_new_lines_is_typed_into_what_stood_there_before() -> None:
    first, second = additions(OLD, NEW, 8)
    assert first.block.text == "import b"
    assert first.before == "import a\n\n\n\ndef f():\n    return 1\n\n\nlast = 0\n"
    assert second.block.text == "x = b.two()\n    return x"
    assert second.block.characters == len("x = b.two()\nreturn x")
    assert second.before == "import a\nimport b\n\n\ndef f():\n    \n\n\nlast = 0\n"


def test_long_runs_are_cut_and_what_comes_later_is_not_there_yet() -> None:
    new = "".join(f"v{number} = {number}\n" for number in range(7))
    found = additions("", new, 3)
    assert [each.block.line for each in found] == [0, 3, 6]
    assert found[1].before == "v0 = 0\nv1 = 1\nv2 = 2\n\n"


def test_blank_lines_comments_and_data_are_not_typed() -> None:
    assert additions("", "\n\n# a comment alone\n\n", 8) == []
    assert additions("", f"x = {'1' * 500}\n", 8) == []
    (found,) = additions("", "\n\nx = 1\n\n\n", 8)
    assert found.block.text == "x = 1"


lines = st.lists(st.sampled_from(["a = 1", "    b = 2", "", "def f():", "# c", "é = '𝛼'"]))


@example([], ["", "a = 1"])
@given(lines, lines)
def test_what_is_typed_is_the_new_text_up_to_its_end_and_the_old_one_behind(
    old: list[str], new: list[str]
) -> None:
    before, after = ("".join(f"{line}\n" for line in rows) for rows in (old, new))
    for found in additions(before, after, 3):
        end = found.block.start + len(found.block.text)
        assert after.startswith(found.text[:end])
        assert before.endswith(found.text[end:].removeprefix("\n"))
        assert found.text[end] == "\n"


def test_choosing_takes_some_in_order_and_one_block_however_long() -> None:
    new = "".join(f"v{number} = {number}\n" for number in range(100))
    found = [("a.py", each) for each in additions("", new, 4)]
    chosen = choose(found, 90, Random("seed"))
    sizes = [each.block.characters for _, each in chosen]
    assert 60 < sum(sizes) <= 90
    assert [each.block.line for _, each in chosen] == sorted(e.block.line for _, e in chosen)
    assert chosen == choose(found, 90, Random("seed"))
    assert len(choose(found, 1, Random("seed"))) == 1


def test_examples_are_the_longest_right_and_the_longest_wrong_one() -> None:
    (found,) = additions("", "total = first + second\n", 8)

    def look(typed: str, *texts: str) -> Look:
        offers = tuple(Offer(text) for text in texts)
        return Look(typed, typed, Reply(offers, 0.0, ReplyStatus.ANSWERED))

    looks = [
        look("tot", "al = first"),
        look("total = ", "first + second"),
        look("total = f", "oo(bar)\nmore"),
        look("other", "never counts, however long"),
        look("total = first", " +"),
    ]
    examples = examples_of(found.block, looks, 3)
    assert examples.right == Example("total = ", "first + second", "first + second")
    assert examples.wrong == Example("total = f", "oo(bar)\nmore", "irst + second")
