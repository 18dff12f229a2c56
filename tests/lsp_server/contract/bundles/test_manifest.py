"""What a manifest says is text to be shown, never to be obeyed."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.contract.bundles.manifest import printable, read_manifest, write_manifest
from lsp_server.settings import Settings


@pytest.mark.parametrize("name", ["\x1b[31mred", "\x9b31m", "a\rb", "\u202eevil", "a\x07"])
def test_a_name_that_a_terminal_would_obey_is_refused_and_shown_by_its_numbers(
    tmp_path: Path, name: str
) -> None:
    folder = Path(shutil.copytree(Settings().bundle_folder, tmp_path / "bundle"))
    write_manifest(folder, replace(read_manifest(folder), name=name))
    shown = subprocess.run(
        [sys.executable, "-m", "lsp_server", "bundle", "show", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 2
    assert f"expected text that can be printed, found {printable(name)}" in shown.stderr
    assert printable(name) != name
    assert name not in shown.stdout + shown.stderr


def test_a_name_that_looks_like_markup_is_shown_as_it_is(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(Settings().bundle_folder, tmp_path / "bundle"))
    write_manifest(folder, replace(read_manifest(folder), name="x[/b][red]"))
    shown = subprocess.run(
        [sys.executable, "-m", "lsp_server", "bundle", "show", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "x[/b][red]" in shown.stdout
