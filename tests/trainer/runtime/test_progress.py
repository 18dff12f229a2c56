"""Watching long work changes nothing about it."""

from collections.abc import Iterator

import pytest

from trainer.runtime.progress import watch


def test_the_items_pass_through_one_at_a_time_and_a_pipe_sees_no_bar(
    capfd: pytest.CaptureFixture[str],
) -> None:
    drawn: list[int] = []

    def draw() -> Iterator[int]:
        for number in range(3):
            drawn.append(number)
            yield number

    seen = []
    for number in watch(draw(), "numbers", 3):
        seen.append(number)
        assert drawn == seen
    assert seen == [0, 1, 2]
    assert capfd.readouterr() == ("", "")
