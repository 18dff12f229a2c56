"""Text is never markup: nothing prints by a console that reads it so."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("lsp_server", "trainer")


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    """Every call of a class or function of this name."""
    for package in PACKAGES:
        for path in Path(__file__).parents[2].joinpath(package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                    yield path, node


def test_every_console_and_column_takes_text_as_text() -> None:
    found = [(path, call) for name in ("Console", "TextColumn") for path, call in calls(name)]
    assert found
    for path, call in found:
        words = (word for word in call.keywords if word.arg == "markup")
        given = {word.arg: ast.literal_eval(word.value) for word in words}
        assert given == {"markup": False}, f"{path}:{call.lineno}"
