"""Prompts on the command line: zero, one or more examples, many lines, ended by the stop rules."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cli.from_prompt import complete_prompt, end_of_answer
from lsp_server.errors import LoryError
from lsp_server.settings import Settings

TASK = "# give the double of a number\n"
EXAMPLE = "# give the {0} of a number\ndef {0}(number):\n    return number * {1}\n\n"


def complete(*arguments: str | Path, typed: str = "") -> tuple[str, str, int]:
    """Standard output, standard error and exit code of `lory complete`."""
    command = [sys.executable, "-m", "lsp_server", "complete", *map(str, arguments)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr, done.returncode


def written(prompt: str, **settings: Any) -> str:
    return complete_prompt(prompt, {"max_tokens": 48, **settings}).text


@pytest.mark.parametrize(
    ("prompt", "text", "kept"),
    [
        ("def f(x):\n", "    y = x\n    return y\n\nz = 1\n", "    y = x\n    return y"),
        ('def f(x):\n    """Doc."""\n', "    return x\nz = 1\n", "    return x"),
        ('def f(x):\n    """Doc.\n\n    More.\n    """\n    ', "return x\nz = 1\n", "return x"),
        (
            "# say hello\n",
            "print('hello')\nprint('again')\n\nx\n",
            "print('hello')\nprint('again')",
        ),
        ("    # say hello\n", "    print('hello')\nx = 1\n", "    print('hello')"),
        ("x = (\n", "    1,\n    2,\n)\n\ny", "    1,\n    2,\n)"),
    ],
)
def test_an_answer_ends_where_what_it_was_asked_for_ends(prompt: str, text: str, kept: str) -> None:
    stop = end_of_answer(prompt, Settings())
    keep = stop(text)
    assert keep is not None
    assert text[:keep] == kept
    assert stop(text[: keep - 1]) is None


def test_a_prompt_without_examples_is_answered_in_many_lines() -> None:
    text = written("import argparse\n\n\ndef main():\n")
    lines = text.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("    ") for line in lines)


@pytest.mark.parametrize("examples", [1, 3])
def test_examples_above_a_prompt_are_followed(examples: int) -> None:
    shots = [("triple", 3), ("quadruple", 4), ("quintuple", 5)][:examples]
    prompt = "".join(EXAMPLE.format(*shot) for shot in shots) + TASK
    text = written(prompt)
    assert text.splitlines()[0].startswith("def ")
    assert "return number" in text
    assert not written(TASK).startswith("def double(number)")


def test_the_command_writes_the_text_alone_or_all_of_it_as_json() -> None:
    prompt = EXAMPLE.format("triple", 3) + TASK
    out, errors, code = complete("--prompt", prompt)
    assert (errors, code) == ("", 0)
    out_typed, _, _ = complete("--prompt", "-", "--json", typed=prompt)
    record = json.loads(out_typed)
    assert record["text"].rstrip("\n") == out.rstrip("\n")
    assert record["prompt"] == prompt
    assert 0 < record["probability"] <= 1
    assert record["stop"] in ("rule", "end", "length")


def test_lines_and_tokens_of_an_answer_are_those_of_the_settings() -> None:
    prompt = "import argparse\n\n\ndef parse_arguments():\n"
    assert len(written(prompt, max_lines=1).splitlines()) == 1
    assert len(written(prompt, max_tokens=2)) < len(written(prompt))


@pytest.mark.parametrize(
    "arguments", [(), ("a.py:1:1", "--prompt", "x = "), ("--prompt", ""), ("--prompt", " \n")]
)
def test_a_prompt_that_is_none_is_one_line_and_exit_code_2(arguments: tuple[str, ...]) -> None:
    out, errors, code = complete(*arguments)
    assert (out, code) == ("", 2)
    assert errors.startswith("lory: expected ")
    assert errors.count("\n") == 1


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(LoryError, match="expected a prompt with text"):
        complete_prompt("\n", {})
