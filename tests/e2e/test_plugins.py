"""Plugins of another distribution in a real server: they take part, and they may fail."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, Rules, Script, StartEditor

SOURCE = """
from dataclasses import replace
from pathlib import Path

Path(__file__).with_name("imported").touch()


def related(cursor, context):
    return replace(context, prefix="# related: sum\\n" + context.prefix)


def shout(candidate, context):
    return replace(candidate, tokens=tuple(token.upper() for token in candidate.tokens))


def fail(candidate, context):
    raise ValueError("no luck")
"""
ENTRY_POINTS = """
[lory.contexts]
related = other_plugin:related
[lory.filters]
shout = other_plugin:shout
fail = other_plugin:fail
"""
CHOSEN = {
    "contexts": ["related", "file"],
    "filters": ["fail", "likely", "shout", "blank"],
}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the distribution `other`, for PYTHONPATH."""
    folder = tmp_path / "installed"
    info = folder / "other-1.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "other_plugin.py").write_text(SOURCE)
    return folder


@pytest.fixture
def editor(start_editor: "StartEditor", installed: Path) -> "Editor":
    """An editor whose server can import that distribution."""
    paths = f"{installed}{os.pathsep}{os.environ['PYTHONPATH']}"
    return start_editor(environment={**os.environ, "PYTHONPATH": paths})


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """One rule."""
    return write_script([{"after": "ret", "completion": "urn a"}])


def test_contexts_and_filters_of_others_take_part_and_one_that_raises_is_left_out(
    editor: "Editor", script: "Script"
) -> None:
    editor.initialize({**script.options, **CHOSEN})
    editor.open("ret")
    for _ in range(2):
        assert editor.ask(0, 3) == ["URN A"]
    assert script.asked[0]["prefix"] == "# related: sum\nret"
    [message] = editor.messages
    assert "plugin 'fail' of other 1.5 raised ValueError: no luck" in message
    stations = editor.explain()["request"]["stations"]
    [word] = [station for station in stations if station["station"] == "filter fail"]
    assert word["verdict"] == "passed"
    assert f"Lory: {word['detail']}" == message


def test_an_untrusted_workspace_runs_no_code_of_other_distributions(
    editor: "Editor", script: "Script", installed: Path
) -> None:
    editor.initialize({**script.options, **CHOSEN, "trusted": False})
    editor.open("ret")
    editor.ask(0, 3)
    assert not (installed / "imported").exists()
