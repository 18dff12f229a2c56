"""Each package's errors are one tree, drawn at the top of its `errors.py`."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOTS = {"lsp_server": "LoryError", "trainer": "TrainerError"}
CAUGHT_AT_HOME = {"GlobFault", "HungUp", "Refusal", "ServiceFault", "TimeUp", "TooLarge"}
"""Signals between functions of one room: nobody who runs Lory ever sees one."""
DRAWN = re.compile(r"[├└]── (\w+)\s+(.+)")
FILE = re.compile(r"in `([^`]+)`$")


def classes_of(package: str) -> dict[str, tuple[str, list[str]]]:
    """The file and the bases of every class of a package."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                found[node.name] = (path.relative_to(ROOT / package).as_posix(), bases)
    return found


def ancestors(name: str, classes: dict[str, tuple[str, list[str]]]) -> set[str]:
    """All that a class is, by name."""
    found = {name}
    for base in classes[name][1] if name in classes else ():
        found |= ancestors(base, classes)
    return found


@pytest.mark.parametrize("package", ROOTS)
def test_every_error_is_drawn_in_its_packages_tree_with_the_file_that_has_it(package: str) -> None:
    classes = classes_of(package)
    text = (ROOT / package / "errors.py").read_text(encoding="utf-8")
    drawn = {name: said for name, said in DRAWN.findall(text.split('"""')[1])}
    raised = {
        name
        for name in classes
        if any(
            one.endswith(("Error", "Exception")) and one not in classes
            for one in ancestors(name, classes)
        )
    }
    tree = {name for name in raised if ROOTS[package] in ancestors(name, classes)}
    assert raised - tree <= CAUGHT_AT_HOME
    assert set(drawn) == tree - {ROOTS[package]}
    for name, said in drawn.items():
        found = FILE.search(said)
        assert (found[1] if found else "errors.py") == classes[name][0], name
