"""Languages that no model knows: completed from the first key on, with no model in memory."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lsp_server.bench.client.process import resident_megabytes
from tests.e2e.conftest import CAPABILITIES

if TYPE_CHECKING:
    from tests.e2e.conftest import StartEditor

MOST_MEGABYTES = 120
LINES = "\tif err := json.Unmarshal(data, &config); err != nil {\n\t\treturn nil, err\n\t}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_another_language_is_completed_without_a_model_until_a_file_of_its_own_is_opened(
    start_editor: "StartEditor",
) -> None:
    editor = start_editor()
    editor.initialize({}, CAPABILITIES | {"workspace": {"configuration": True}})
    editor.open("package a\n" + LINES * 6 + "\tif err := json", "a.go", "go")
    assert editor.wait_status("ready") == (
        "lory-6m 0.2.0, once a file of it is opened: python; engine project: other languages"
    )
    line = 1 + LINES.count("\n") * 6
    offers = editor.ask(line, len("\tif err := json"), "a.go")
    assert offers
    assert LINES.startswith("\tif err := json" + offers[0])
    process = editor.client.process.pid
    assert "onnxruntime" not in Path(f"/proc/{process}/maps").read_text()
    assert (resident_megabytes(process) or 0) < MOST_MEGABYTES
    editor.open("import os\nimport sys\n", "a.py")
    assert editor.client.wait_notification(
        "lory/status", 30.0, lambda told: "engine onnx on" in told["message"]
    )
    assert editor.ask(line, len("\tif err := json"), "a.go") == offers
