"""What is published: one name, one version, and no word of somebody else's project."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import lsp_server

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OTHER_PROJECT = re.compile(r"(pip|pipx|uvx?|uv tool|uv pip) (install|run)? ?['\"]?lory(?![-\w/.])")
"""An installer's command whose argument is `lory`, which is not ours on PyPI."""
TEXTS = ("*.md", "*.py", "*.lua", "*.ts", "*.json", "*.txt", "Makefile")


def test_the_distribution_has_a_name_that_is_ours() -> None:
    assert PROJECT["project"]["name"] == "lory-lsp"
    assert PROJECT["project"]["scripts"].keys() == {"lory", "lory-train"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("pip install lory", True),
        ("pip install 'lory[plots]'", True),
        ("uvx lory demo", True),
        ("pip install lory-lsp", False),
        ("pip install 'lory-lsp[plots]'", False),
        ("uvx --from lory-lsp lory demo", False),
        ("pip install lory/", False),
    ],
)
def test_the_rule_tells_the_two_projects_apart(text: str, wrong: bool) -> None:
    assert bool(OTHER_PROJECT.search(text)) == wrong


def test_no_text_tells_anybody_to_install_another_project() -> None:
    listed = ["git", "ls-files", "-z", *TEXTS]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in names.split("\0") if name and ROOT / name != Path(__file__)]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in paths
        if path.is_file()
        for match in OTHER_PROJECT.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_server_and_extension_have_one_version() -> None:
    extension = json.loads((ROOT / "editors" / "vscode" / "package.json").read_text())
    assert extension["version"] == lsp_server.__version__
