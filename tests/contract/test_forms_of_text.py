"""The shipped model in files of any form: the same suggestions, none that Python would not take."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.model.loading import Model, complain, load_model
from lsp_server.completion.request_trace import Generation
from lsp_server.completion.suggestion import generate, select
from lsp_server.documents.text_documents import Documents
from lsp_server.documents.text_edits import split_lines
from lsp_server.plugins import PluginGuard
from lsp_server.settings import Settings

PROGRAM = (Path(__file__).parents[1] / "cases" / "forms.txt").read_text(encoding="utf-8")
"""`>` stands for a level; spaces behind levels align."""
FORMS = [("\n", "    "), ("\r\n", "    "), ("\n", "\t"), ("\n", "  "), ("\r\n", " " * 8)]


@pytest.fixture(scope="module")
def model() -> Model:
    """The model of a server without settings."""
    return load_model(Settings(), PluginGuard(complain))


def cursor_at(text: str, *, asked: bool = False) -> Cursor:
    """The cursor `¦` of a file."""
    prefix, suffix = text.split("¦")
    documents = Documents()
    documents.open("file:///a.py", "python", prefix + suffix)
    document = documents.get("file:///a.py")
    assert document is not None
    *above, line = split_lines(prefix)
    return Cursor(
        uri=document.uri,
        language="python",
        path="a.py",
        prefix=document.before(len(above), len(line)),
        suffix=document.after(len(above), len(line)),
        form=documents.form_of(document),
        invoked=asked,
    )


def run(model: Model, text: str, *, asked: bool = False) -> Generation:
    """What is written at the cursor of a file."""
    cursor = cursor_at(text, asked=asked)
    return generate(model, Settings(), PluginGuard(complain), cursor, Event())


def shown_to_one_who_asks(model: Model, text: str) -> tuple[str, ...]:
    """The texts that are shown at the cursor of a file."""
    candidates = run(model, text, asked=True).candidates
    cursor = cursor_at(text, asked=True)
    found = select(model, Settings(), PluginGuard(complain), cursor, candidates)
    return tuple(candidate.text for candidate in found.shown)


def complete(model: Model, text: str, *, asked: bool = False) -> tuple[str, ...]:
    """The texts that are written there."""
    return tuple(candidate.text for candidate in run(model, text, asked=asked).candidates)


def in_form(text: str, end: str, unit: str) -> str:
    """A text whose levels are `>` with these line ends and levels."""
    levels = re.compile(r"^(¦?)(>*)(¦?)(>*)", re.MULTILINE)
    return levels.sub(lambda found: found[0].replace(">", unit), text).replace("\n", end)


def cursors(*, fresh: bool) -> list[str]:
    """The program up to a line's start, its content's start or a place in it, rest left out."""
    lines = PROGRAM.split("\n")
    found = []
    for at in range(11, len(lines) - 1):
        line = lines[at]
        content = len(line) - len(line.lstrip("> "))
        closes_text = '"""' in line[content + 1 :] or line[content:] == '"""'
        if line.strip(">") and " " not in line[:content] and not closes_text:
            place = min(at % 3, content) if fresh else content + (len(line) - content) // 3
            found.append("\n".join([*lines[:at], line[:place] + "¦", *lines[at + 1 :]]))
    return found


@pytest.mark.parametrize("text", cursors(fresh=False) + cursors(fresh=True)[::4])
def test_the_same_text_in_any_form_is_completed_alike(model: Model, text: str) -> None:
    run(model, in_form(text, *FORMS[0]))  # so that each has as much of it left to read
    runs = [run(model, in_form(text, *form)) for form in FORMS]
    assert len({one.prompt for one in runs}) == 1
    (first, *others) = [tuple(item.text for item in one.candidates) for one in runs]
    for (_, unit), found in zip(FORMS[1:], others, strict=True):
        levels = re.compile(f"^(?:{unit})+", re.MULTILINE)
        assert tuple(levels.sub(in_spaces(unit), one) for one in found) == first
        assert not any("\r" in one for one in found)


def in_spaces(unit: str) -> Callable[[re.Match[str]], str]:
    """What replaces levels of a unit by those of four spaces."""
    return lambda found: "    " * (len(found[0]) // len(unit))


@pytest.mark.parametrize("form", FORMS[1:3])
@pytest.mark.parametrize("text", cursors(fresh=True)[::2])
def test_no_suggestion_stands_where_python_takes_none(
    model: Model, text: str, form: tuple[str, str]
) -> None:
    prefix = in_form(text, *form).partition("¦")[0].replace("\r\n", "\n")
    for completion in complete(model, in_form(text, *form), asked=True):
        line = (prefix[prefix.rfind("\n") + 1 :] + completion).split("\n")[0]
        if line.strip():
            space = line[: len(line) - len(line.lstrip())]
            above = prefix[: prefix.rfind("\n") + 1]
            try:
                ast.parse(f"{above}{space}pass\n")
            except IndentationError as exc:
                pytest.fail(f"{completion!r}: {exc}")
            except SyntaxError:
                pass  # a bracket or a clause is still open


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "def total(items):\r\n    result = 0\r\n    for item in items:\r\n"
            "        result += item.price\r\n    ¦",
            "return result",
        ),
        (
            "class Account:\n\tdef __init__(self, owner, balance):\n"
            "\t\tself.owner = owner\n\t\t¦\n",
            "self.balance = balance",
        ),
    ],
)
def test_one_who_asks_where_a_statement_may_begin_gets_one(
    model: Model, text: str, expected: str
) -> None:
    found = complete(model, text, asked=True)
    assert expected in found
    assert not any(one[:1].isspace() for one in found)


def test_one_text_is_worth_showing_by_the_likeliest_way_to_write_it(model: Model) -> None:
    text = (
        "def total(items):\r\n    result = 0\r\n    for item in items:\r\n"
        "        result += item.price\r\n    ¦"
    )
    assert shown_to_one_who_asks(model, text)[0] == "return result"


RUNNER = """from click.testing import CliRunner

from app import main


def test_help():
>runner = CliRunner()
>result = runner.invoke(main, ["--help"])
>assert result.exit_code == 0


def test_version():
>runner = ¦
"""


@pytest.mark.parametrize("form", FORMS)
def test_a_call_is_whole_in_every_form_of_text(model: Model, form: tuple[str, str]) -> None:
    assert complete(model, in_form(RUNNER, *form), asked=True)[0].startswith("CliRunner()")


def test_a_body_is_written_with_the_file_s_own_levels(model: Model) -> None:
    text = in_form("class A:\n>def f(self, name):\n>>if name:¦\n", "\r\n", "\t")
    assert complete(model, text)[0].startswith("\n\t\t\treturn")
