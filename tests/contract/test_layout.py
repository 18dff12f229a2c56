"""The layout keeps its direction: who imports whom, and how large folders and functions are."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_NAMES = 13
"""In a folder, so that one look takes it in; `__init__.py` and `__main__.py` do not count."""
MOST_LINES, MOST_OF_A_FUNCTION = 300, 50

SERVER: Mapping[str, tuple[str, ...]] = {
    "errors": (),
    "contract": ("errors",),
    "documents": ("contract", "errors"),
    "settings": ("contract", "documents", "errors"),
    "plugins": ("errors",),
    "engines": ("contract", "errors", "settings"),
    "project": ("contract", "documents", "errors", "plugins", "settings"),
    "completion": (
        *("contract", "documents", "engines", "errors", "plugins", "project", "settings"),
    ),
    "feedback": (
        *("completion", "contract", "documents", "engines", "errors", "plugins", "settings"),
    ),
    "protocol": (
        *("completion", "contract", "documents", "engines", "errors", "feedback", "plugins"),
        *("project", "settings"),
    ),
    "bench": (
        *("completion", "contract", "documents", "engines", "errors", "plugins", "project"),
        *("protocol", "settings"),
    ),
    "http": (
        *("completion", "contract", "documents", "engines", "errors", "plugins", "project"),
        *("settings",),
    ),
    "cli": (
        *("bench", "completion", "contract", "documents", "engines", "errors", "feedback"),
        *("http", "plugins", "project", "protocol", "settings"),
    ),
    "__main__": ("cli", "protocol"),
}
"""What each room of `lsp_server` may import of the others, from the ground up."""

TRAINER: Mapping[str, tuple[str, ...]] = {
    "errors": (),
    "runtime": ("errors",),
    "corpus": ("errors", "runtime"),
    "model": ("corpus", "errors", "runtime"),
    "tasks": ("corpus", "errors", "runtime"),
    "export": ("corpus", "errors", "model", "runtime", "tasks"),
    "pretraining": ("corpus", "errors", "export", "model", "runtime"),
    "evaluation": ("corpus", "errors", "export", "model", "runtime", "tasks"),
    "alignment": ("corpus", "errors", "export", "model", "pretraining", "runtime", "tasks"),
    "pipeline": (
        *("alignment", "corpus", "errors", "evaluation", "export", "model", "pretraining"),
        *("runtime",),
    ),
    "report": ("errors", "pipeline", "runtime"),
    "cli": ("errors", "export", "model", "pipeline", "pretraining", "report", "runtime"),
    "recipes": (),
    "__main__": ("cli",),
}
"""What each room of `trainer` may import of the others; later stages import earlier ones."""

OF_THE_SERVER = {"contract", "engines", "errors"}
"""Rooms of `lsp_server` that the trainer may import: what both sides agree on."""


def modules(package: str) -> list[Path]:
    """Every module of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports from either package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module in ("trainer", "lsp_server"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def room_of(path: Path) -> str:
    """The room that a module lies in: the first name below its package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1]


@pytest.mark.parametrize(("package", "table"), [("trainer", TRAINER), ("lsp_server", SERVER)])
def test_each_room_imports_only_what_the_table_allows(
    package: str, table: Mapping[str, tuple[str, ...]]
) -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(package)
        if room_of(path) != "__init__"
        for name in imported(path)
        if name.startswith(f"{package}.")
        and (room := name.split(".")[1]) not in (room_of(path), "__version__")
        and room not in table[room_of(path)]
    ]
    assert found == []


@pytest.mark.parametrize("table", [TRAINER, SERVER], ids=["trainer", "lsp_server"])
def test_the_table_has_a_direction(table: Mapping[str, tuple[str, ...]]) -> None:
    rooms = list(table)
    backwards = [
        (room, other)
        for room, others in table.items()
        for other in others
        if rooms.index(other) > rooms.index(room)
    ]
    assert backwards == []


def test_the_trainer_imports_only_what_both_sides_agree_on() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("trainer")
        for name in imported(path)
        if name.startswith("lsp_server.") and name.split(".")[1] not in OF_THE_SERVER
    ]
    assert found == []


@pytest.mark.parametrize("package", ["trainer", "lsp_server"])
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    """Modules that import one another at their top; depth first, each node once."""
    graph = {name_of(path): top_imports(path) for path in modules(package)}
    done: set[str] = set()
    trail: list[str] = []

    def visit(name: str) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name in done:
            return
        trail.append(name)
        for other in sorted(graph[name] & graph.keys()):
            visit(other)
        trail.pop()
        done.add(name)

    for name in graph:
        visit(name)


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def top_imports(path: Path) -> set[str]:
    """Modules that a file imports when it is loaded."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found - {name_of(path)}


@pytest.mark.parametrize("package", ["trainer", "lsp_server"])
def test_a_folder_is_taken_in_at_one_look(package: str) -> None:
    folders = {path.parent for path in modules(package)}
    counts = {
        str(folder.relative_to(ROOT)): sum(
            not entry.name.startswith("__")
            and (entry.suffix == ".py" or any(entry.rglob("*.py")))  # data does not count
            for entry in folder.iterdir()
        )
        for folder in folders
    }
    assert {name: count for name, count in counts.items() if count > MOST_NAMES} == {}


@pytest.mark.parametrize("package", ["trainer", "lsp_server"])
def test_files_and_functions_stay_short(package: str) -> None:
    found = []
    for path in modules(package):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MOST_LINES:
            found.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        found += [
            f"{path.relative_to(ROOT)}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.end_lineno is not None
            and node.end_lineno - node.lineno >= MOST_OF_A_FUNCTION
        ]
    assert found == []
