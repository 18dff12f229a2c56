"""Tokens that do not fit give their probability to those that do."""

import numpy as np
import pytest

from lsp_server.engines import Limits, fits_anywhere
from lsp_server.engines.decoding.completion import MOST_REFUSED, refuse
from lsp_server.engines.decoding.writer import CandidateWriter


def test_what_fits_takes_over_the_probability_of_what_was_likelier() -> None:
    probabilities = np.array([0.5, 0.25, 0.15, 0.1], np.float32)
    assert refuse(probabilities, 0, lambda token: token == 2)
    assert probabilities == pytest.approx([0, 0, 0.6, 0.4])


def test_where_nothing_fits_that_is_told() -> None:
    assert not refuse(np.array([0.5, 0.5], np.float32), 0, lambda token: False)
    many = np.full(2 * MOST_REFUSED, 1 / (2 * MOST_REFUSED), np.float32)
    assert not refuse(many, 0, lambda token: token == 2 * MOST_REFUSED - 1)


def test_a_writer_asks_for_the_start_of_each_line_and_for_nothing_else() -> None:
    asked: list[str] = []

    def fits(text: str) -> bool:
        asked.append(text)
        return True

    writer = CandidateWriter(Limits(stop=lambda text: None, fits=fits), "\n ")
    for piece in (b"\n  ", b" re", b"turn", b" x", b"\n", b"    ", b"y"):
        assert writer.fits(piece)
        writer.add(piece, -0.1)
    assert asked == [" ", "  re", "  return x\n", "  return x\n    ", "  return x\n    y"]
    assert fits_anywhere("anything")
