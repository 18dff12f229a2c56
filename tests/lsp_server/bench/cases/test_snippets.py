"""`lory bench snippets`: places that are well written, and a verdict on what is shown at each."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lsp_server.bench.cases.snippets import (
    ANYTHING,
    Verdict,
    judge,
    languages,
    read_case,
    read_snippets,
)
from lsp_server.cli.bench.main import app
from lsp_server.errors import BenchError


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_there_are_fifty_places_each_of_which_may_go_on_as_something(language: str) -> None:
    snippets = read_snippets(language)
    assert len({snippet.title for snippet in snippets}) == 50
    for snippet in snippets:
        assert snippet.before.strip(), snippet.title
        for answer in snippet.right:
            assert answer.strip(ANYTHING).strip(), snippet.title
            assert judge(answer.partition(ANYTHING)[0], snippet.right) is Verdict.RIGHT


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("(path)", Verdict.RIGHT),
        ("(pa", Verdict.RIGHT),
        ("(path)\n", Verdict.RIGHT),
        ("(path, sep='x')", Verdict.RIGHT),
        ("(path).head()", Verdict.WRONG),
        ("(name)", Verdict.WRONG),
        ("path", Verdict.WRONG),
        ("", Verdict.NOTHING),
        ("  \n", Verdict.NOTHING),
    ],
)
def test_what_is_shown_is_right_where_all_of_it_may_stand_there(
    text: str, verdict: Verdict
) -> None:
    assert judge(text, ("(path)", "(path, …")) is verdict


@pytest.mark.parametrize("case", ["title\ncode¦\n", "title\ncode\nright\nx", "title\n¦¦\nright\nx"])
def test_a_place_that_is_badly_written_is_refused(case: str) -> None:
    with pytest.raises(BenchError, match="snippet 'title': expected code with one ¦"):
        read_case(case, "python")


def test_a_language_without_places_names_those_that_have_some() -> None:
    with pytest.raises(BenchError, match=f"expected one of {', '.join(languages())}, found 'x'"):
        read_snippets("x")


def test_the_shipped_model_is_judged_at_every_place(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    words = ["snippets", "--language", "python", "--each", "--json", str(told)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = json.loads(told.read_text())
    assert sum(found["counts"]["python"].values()) == len(found["shown"]) == 50
    assert found["counts"]["python"]["right"] > found["counts"]["python"]["wrong"]
    verdicts = {one["title"]: one["verdict"] for one in found["shown"]}
    assert verdicts["a logger of the module"] == "right"
    assert "a logger of the module" in result.output
