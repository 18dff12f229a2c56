"""The modules of the VS Code extension import one another in one direction: there is no circle."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "editors" / "vscode" / "src"
IMPORT = re.compile(r"^(?:import|export)\b[^;]*?\bfrom \"\./(\w+)\";", re.MULTILINE)


def test_no_module_imports_itself_by_way_of_others() -> None:
    imports = {
        path.stem: set(IMPORT.findall(path.read_text(encoding="utf-8")))
        for path in SOURCE.glob("*.ts")
    }
    assert imports["extension"]
    order = list(TopologicalSorter(imports).static_order())  # CycleError names the circle
    assert set(order) == set(imports)
