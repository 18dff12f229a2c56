"""What is known at a cursor: the file around it, and other files."""

from collections.abc import Sequence

from lsp_server.contract.recall import Rung
from lsp_server.project.recall import ProjectRecall


class Others:
    """Another file's evidence, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def rungs(self, context: Sequence[int]) -> tuple[Rung, ...]:
        self.asked += 1
        return (Rung(1, 1, {77: 1}),)


def test_both_sides_of_the_cursor_answer_but_its_own_place_does_not() -> None:
    recall = ProjectRecall(before=[1, 2, 3, 1, 2], after=[9, 1, 2, 8], others=None)
    others, file = recall.levels([1, 2])
    assert others == ()
    assert [(rung.length, rung.counts) for rung in file] == [(1, {3: 1, 8: 1}), (2, {3: 1, 8: 1})]


def test_what_follows_the_cursor_is_not_taken_for_what_follows_the_text_before_it() -> None:
    recall = ProjectRecall(before=[5, 6], after=[7], others=None)
    assert recall.levels([5, 6]) == ((), ())


def test_the_same_context_is_looked_up_once() -> None:
    others = Others()
    recall = ProjectRecall([1, 2, 3], [], others)
    first = recall.levels([2, 3])
    assert recall.levels((2, 3)) is first
    assert first[0][0].counts == {77: 1}
    assert others.asked == 1
