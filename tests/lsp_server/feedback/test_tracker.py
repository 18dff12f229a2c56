"""What becomes of suggestions: the cases of `tests/cases/outcomes.txt`, and random editing."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lsp_server.documents.positions import Encoding
from lsp_server.feedback.rows import Row

if TYPE_CHECKING:
    from tests.lsp_server.feedback.conftest import TypingEditor

CASES = Path(__file__).parents[2] / "cases" / "outcomes.txt"


def read_cases() -> list[tuple[str, list[str], list[str]]]:
    """Title, script and expected rows of each case."""
    cases = []
    for part in CASES.read_text(encoding="utf-8").split("\n== ")[1:]:
        title, *lines = part.strip().split("\n")
        rows = sorted(line.removeprefix("row ") for line in lines if line.startswith("row "))
        cases.append((title, [line for line in lines if not line.startswith("row ")], rows))
    return cases


def describe(row: Row) -> str:
    """A row as the cases write it."""
    import json

    text = json.dumps(row.text, ensure_ascii=False)
    counts = f"{row.accepted_characters}/{row.typed_characters}"
    left = f" {row.fate} {row.retained_characters}" if row.fate else ""
    return f"{text} {row.outcome} {row.ending} {counts}{left}"


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize(("title", "script", "expected"), read_cases())
def test_an_outcome_is_read_off_the_documents_changes(
    open_editor: "Callable[[Encoding], TypingEditor]",
    encoding: Encoding,
    title: str,
    script: list[str],
    expected: list[str],
) -> None:
    editor = open_editor(encoding)
    for line in script:
        editor.run(line)
    assert sorted(map(describe, editor.rows().values())) == expected, title


def test_there_are_cases() -> None:
    assert len(read_cases()) > 50
