"""What a manifest says is text to be shown, never to be obeyed."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.contract.bundles.manifest import (
    MANIFEST,
    printable,
    read_manifest,
    write_manifest,
)
from lsp_server.errors import BundleError
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


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        (("<|file|>",), "{prefix} 0 times"),
        (("{prefix}", "{prefix}"), "{prefix} 2 times"),
        (("{suffix}", "{suffix}", "{prefix}"), "a field twice"),
        (("\x1b[31m", "{prefix}"), "the text"),
        (("x" * 40, "{prefix}"), "the text"),
        (("a",) * 20 + ("{prefix}",), "21 parts"),
    ],
)
def test_a_layout_that_is_none_is_refused(
    tmp_path: Path, layout: tuple[str, ...], told: str
) -> None:
    folder = Path(shutil.copytree(Settings().bundle_folder, tmp_path / "bundle"))
    write_manifest(folder, replace(read_manifest(folder), layout=layout))
    with pytest.raises(BundleError, match=re.escape(told)):
        read_manifest(folder)


def test_another_layout_is_read_as_it_was_written_and_lorys_own_is_not_written(
    tmp_path: Path,
) -> None:
    folder = Path(shutil.copytree(Settings().bundle_folder, tmp_path / "bundle"))
    own = read_manifest(folder)
    write_manifest(folder, own)
    assert "layout" not in (folder / MANIFEST).read_text()
    layout = ("<|file|>", "{suffix}", "\n\n\n", "{prefix}")
    write_manifest(folder, replace(own, layout=layout))
    assert read_manifest(folder).layout == layout
