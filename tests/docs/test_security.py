"""SECURITY.md promises something under every heading, and names tests that are there."""

import re

from tests.docs.pages import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## (.+)\n", TEXT, flags=re.MULTILINE)[1:]
"""Headings and what stands below each, in turns."""
NAMED = re.compile(r"`((?:tests|trainer|lsp_server|docs)/[^`\s]+|test_\w+\.py)`|\]\(([^)]+)\)")


def test_every_section_says_something() -> None:
    for heading, text in zip(SECTIONS[::2], SECTIONS[1::2], strict=True):
        assert len(text.split()) > 20, heading


def test_every_file_that_is_named_is_there() -> None:
    named = {path or link for path, link in NAMED.findall(TEXT)}
    assert len(named) > 15
    missing = [
        path
        for path in named
        if not (ROOT / path).exists() and not list((ROOT / "tests").rglob(path))
    ]
    assert not missing
