"""The two packages' one-way contract: the server stays light, and imports do no work."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.pipeline import STAGES

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "datasets", "accelerate", "trl", "pandas", "trainer", "pyarrow"}


def imported_modules(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever it stands."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules |= {node.module}
    return modules


@pytest.mark.parametrize("path", sorted((ROOT / "lsp_server").rglob("*.py")), ids=str)
def test_the_server_imports_nothing_of_the_trainers_world(path: Path) -> None:
    assert not {module.split(".")[0] for module in imported_modules(path)} & HEAVY


STAGE_MODULES = ["trainer.cli.main", *(f"trainer.{stage.module}" for stage in STAGES)]
SERVER_MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "lsp_server").rglob("*.py"))
    if path.stem not in ("__init__", "__main__")
]


@pytest.mark.parametrize("names", [STAGE_MODULES, SERVER_MODULES], ids=["stages", "server"])
def test_importing_a_stage_or_the_server_loads_no_heavy_library(names: list[str]) -> None:
    program = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(*sorted({'torch', 'transformers', 'datasets', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
