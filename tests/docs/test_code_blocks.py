"""Every code block of the documentation works: it is run, or its commands are parsed."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import typer.main

from lsp_server.cli.main import whole_app
from lsp_server.settings import read_settings
from tests.docs.pages import PAGES, ROOT, Block, commands_of, read_blocks, read_indented_lines
from trainer.cli.main import parse
from trainer.export.adapter.cli import build_parser as adapter_parser
from trainer.export.importing.cli import build_parser

BLOCKS = read_blocks()
RUN = {
    page: list(blocks)
    for page, blocks in groupby(
        (block for block in BLOCKS if not block.how and block.language in ("bash", "python")),
        key=lambda block: block.page,
    )
}
"""The blocks of a page that are run, one after the other in one folder."""
TRIED_IN_EDITORS = {"lua", "elisp"}
"""Languages of blocks that the tests of the real editors run."""
PARSED = [block for block in BLOCKS if block.how == "parsed only"]
OWN_PACKAGES = {"lsp_server", "trainer", "editors", "tests"}
OWN_PROGRAMS = {"lory", "lory-train", "make", "python", "accelerate"}
INDENTED = [
    (page, words)
    for page, line in read_indented_lines()
    for words in commands_of(line)
    if words and Path(words[0]).name in OWN_PROGRAMS
]
"""Commands of indented blocks, as the README has them, by page."""
TARGETS = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_block_is_run_or_parsed_or_tried_in_an_editor() -> None:
    known = {"bash", "python", "toml", "json", *TRIED_IN_EDITORS}
    assert [str(block) for block in BLOCKS if block.language not in known] == []


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "json"], ids=str)
def test_settings_of_an_editor_are_ones_that_lory_takes(block: Block) -> None:
    given = json.loads(block.text)
    assert given
    assert all(name.startswith("lory.") for name in given)
    read_settings({name.removeprefix("lory."): value for name, value in given.items()})


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_a_pages_blocks_run_as_they_stand(page: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "HF_HUB_OFFLINE": "1",
    }
    for block in RUN[page]:
        if page.startswith("start/"):  # examples of what one types into an editor
            continue
        shell = ["bash", "-euo", "pipefail", "-c"]
        command = shell if block.language == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*command, block.text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", PARSED, ids=str)
def test_commands_that_take_too_long_are_parsed(block: Block) -> None:
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            check_command(words)


@pytest.mark.parametrize(("page", "words"), INDENTED, ids=lambda given: str(given)[:80])
def test_commands_of_indented_blocks_are_parsed(page: str, words: list[str]) -> None:
    check_command([Path(words[0]).name, *words[1:]])


def test_the_readme_and_the_guide_to_contribute_are_among_them() -> None:
    assert {"README.md", "CONTRIBUTING.md"} <= {page for page, _ in INDENTED}


def check_command(words: list[str]) -> None:
    """Fail unless a command exists, and knows each of its options."""
    if words[0] == "make":
        assert set(words[1:]) <= {*TARGETS}, words
    if "-m" in words:
        module = words[words.index("-m") + 1]
        assert module.split(".")[0] not in OWN_PACKAGES or find_spec(module), module
        words = ["lory-train", *words[words.index("-m") + 2 :]] if module == "trainer" else []
    if words[:2] == ["lory-train", "import"]:
        build_parser().parse_args(words[2:])
    elif words[:2] == ["lory-train", "adapt"]:
        adapter_parser().parse_args(words[2:])
    elif words[:1] == ["lory-train"] and words[1] != "report":
        parse(words[1:])
    elif words[:1] == ["lory"]:
        check_options(typer.main.get_command(whole_app()), words[1:])


def check_options(command: Any, words: list[str]) -> None:
    """Fail unless a command of `lory` has each option that is given."""
    while hasattr(command, "commands"):
        if command.invoke_without_command and (not words or words[0].startswith("-")):
            break  # it is one itself
        name, *words = words
        assert name in command.commands, name
        command = command.commands[name]
    known = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_tables_of_toml_parse() -> None:
    for block in BLOCKS:
        if block.language == "toml":
            tomllib.loads(block.text)


def test_every_page_is_in_the_sites_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [str(page.relative_to(PAGES)) for page in PAGES.rglob("*.md")]
    assert [page for page in pages if page not in navigation] == []


@pytest.mark.parametrize(
    "line",
    [
        "cd /tmp && KEY=1 lory bench replay --no-such-option 1",
        "make no-such-target",
        "echo | python -m trainer.no_such_module",
    ],
)
def test_a_command_that_is_not_there_is_found(line: str) -> None:
    *_, words = commands_of(line)
    with pytest.raises(AssertionError):
        check_command(words)
