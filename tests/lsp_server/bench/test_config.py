"""The replay's settings: ranges and options of the command line."""

from typing import Any

import pytest

from lsp_server.bench.config import ReplayConfig, parse_options
from lsp_server.errors import BenchError


def test_a_menu_shows_its_first_item_and_an_inline_answer_all() -> None:
    assert ReplayConfig(command=("x",), menu=True).offered == 1
    assert ReplayConfig(command=("x",)).offered is None
    assert ReplayConfig(command=("x",), menu=True, top=5).offered == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"blocks": 0, "points": 0, "gaps": 0},
        {"blocks": -1},
        {"top": 0},
        {"timeout": 0.0},
        {"lines": 0},
        {"max_files": 0},
    ],
)
def test_a_setting_out_of_range_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match="expected"):
        ReplayConfig(command=("x",), **wrong)


def test_options_nest_by_dots_and_are_json_where_they_can_be() -> None:
    pairs = ["a.b=1", "a.c=true", 'd=["x"]', "e=plain text", "f=a=b"]
    assert parse_options(pairs) == {
        "a": {"b": 1, "c": True},
        "d": ["x"],
        "e": "plain text",
        "f": "a=b",
    }


@pytest.mark.parametrize("pairs", [["novalue"], ["=3"], ["a=1", "a.b=2"]])
def test_an_option_that_cannot_be_set_is_an_error(pairs: list[str]) -> None:
    with pytest.raises(BenchError, match="expected"):
        parse_options(pairs)
