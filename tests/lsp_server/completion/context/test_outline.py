"""Outlines: heads of definitions and imports, whatever state the source is in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.completion.context.outline import Import, read_module

SOURCE = '''
"""A module."""
import os.path, sys as system
from . import near
from ..far.away import (
    one,
    two as second,
)
from x import *

LIMIT: int = 3
names = ["a",
         "b"]


async def fetch(
    url: str,  # where
    *,
    retries: int = 3,
) -> bytes:
    """Get it.

    Over the network.
    """
    return b""


@dataclass(frozen=True)
class Point(Base):
    """A place."""

    x: int = 0
    _hidden = 1

    def __init__(self, x):
        self.x = x

    @property
    def norm(self) -> float:
        """Its length."""
        return abs(self.x)

    def _private(self): ...


if TYPE_CHECKING:
    from typing import Any
else:
    def late(): pass
'''


def test_a_head_is_signature_and_docstring_and_of_a_class_its_public_members() -> None:
    module = read_module(SOURCE)
    heads = {item.name: item.head for item in module.definitions}
    assert heads == {
        "LIMIT": "LIMIT: int = 3\n",
        "names": 'names = ["a",\n',
        "fetch": 'async def fetch(url: str, *, retries: int = 3) -> bytes:\n    """Get it."""\n',
        "Point": "@dataclass(frozen=True)\n"
        "class Point(Base):\n"
        '    """A place."""\n'
        "    x: int = 0\n"
        "    def __init__(self, x): ...\n"
        "    @property\n"
        "    def norm(self) -> float: ...\n",
        "late": "def late(): ...\n",
    }


def test_imports_keep_their_dots_and_the_names_they_go_by() -> None:
    assert read_module(SOURCE).imports == (
        Import(("os", "path"), 0, "", "os.path"),
        Import(("sys",), 0, "", "system"),
        Import((), 1, "near", "near"),
        Import(("far", "away"), 2, "one", "one"),
        Import(("far", "away"), 2, "two", "second"),
        Import(("typing",), 0, "Any", "Any"),
    )


@settings(deadline=None)
@given(st.text(max_size=60), st.integers(0, len(SOURCE)))
def test_any_text_has_an_outline(text: str, at: int) -> None:
    for source in (text, SOURCE[:at] + text, SOURCE[:at] + text + SOURCE[at:]):
        for item in read_module(source).definitions:
            assert item.head.endswith("\n")


def test_what_stands_before_and_after_a_mistake_is_found() -> None:
    module = read_module("def a(x): return x\n\nclass B(:\n    pass\n\ndef c(y):\n    return (\n")
    assert module.find("a") is not None
    module = read_module("import (\n\ndef d(z): return z\n")
    assert module.find("d") is not None


@pytest.mark.parametrize("count", [200])
def test_the_members_of_a_large_class_are_cut(count: int) -> None:
    methods = "".join(f"    def method_{at}(self): pass\n" for at in range(count))
    definition = read_module(f"class Large:\n{methods}").find("Large")
    assert definition is not None
    assert 10 < definition.head.count("\n") < 40


def test_absurdly_nested_source_has_an_outline() -> None:
    nested = "".join(f"{' ' * at}if a:\n" for at in range(3_000))
    assert read_module(f"def first(): ...\n{nested}").find("first") is not None
    assert read_module("(" * 20_000 + "\n\ndef last(): ...\n").imports == ()
