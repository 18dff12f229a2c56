"""Runs the programs that `lory model add` needs, to their end or until the user interrupts."""

import json
import re
import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from importlib.metadata import requires
from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import Any

from lsp_server.cli.tables import printable
from lsp_server.errors import ModelError
from lsp_server.plugins import DISTRIBUTION

Tell = Callable[[str], None]
"""Takes a line of what is being done, for people."""

IMPORT = "lory-train import"
SPOKEN = "lory-train: "
LAST_LINES, TRACEBACK = 99, "Traceback"
STANDARD_ERROR = 2
NEEDED, EXTRA = ("gguf", "onnx", "safetensors"), "models"
"""Modules that an import needs beyond the server's own, and the extra that brings them."""
ENVIRONMENT = (sys.executable, "-P", "-m")
"""`-P`: no module of the folder that the command is given in is run."""


def import_command(*words: str) -> list[str]:
    """`lory-train import` of this environment; ModelError where it lacks what that needs."""
    missing = [name for name in ("trainer", *NEEDED) if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"models of others: expected {', '.join(NEEDED)} in this environment, found no "
            f"{missing[0]}; install them: {shlex.join(pip_install())}"
        )
    return [*ENVIRONMENT, "trainer", "import", *words]


def pip_install() -> list[str]:
    """The command that brings what an import needs, as the extra `models` lists it."""
    listed = [each.partition(";") for each in requires(DISTRIBUTION) or ()]
    wanted = [name.strip() for name, _, when in listed if EXTRA in re.findall(r"\w+", when)]
    return [sys.executable, "-m", "pip", "install", *wanted]


def pip_command(*words: str) -> list[str]:
    """`pip` of this environment, which asks nothing; ModelError where it has none."""
    if find_spec("pip") is None:
        raise ModelError(
            "expected pip in this environment to download with, found none; download the "
            "distribution's wheel yourself, and: lory model add FILE.whl"
        )
    quiet = ("--no-input", "--disable-pip-version-check", "--no-color")
    return [*ENVIRONMENT, "pip", words[0], *quiet, *words[1:]]


def describe_model(source: str) -> dict[str, Any]:
    """What an import says of a model before it is made; ModelError where that fails."""
    output = output_of(import_command(source, "--describe"), IMPORT, lambda line: None)
    try:
        found: dict[str, Any] = json.loads(output)
    except ValueError as exc:
        raise ModelError(f"{IMPORT}: expected JSON, found {output!r:.80}") from exc
    return found


def output_of(command: Sequence[str], name: str, tell: Tell) -> str:
    """Run a program as `run` does, and give its standard output."""
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
        run(command, name, tell, output=file.fileno())
        file.seek(0)
        return file.read()


def run(command: Sequence[str], name: str, tell: Tell, output: int = STANDARD_ERROR) -> None:
    """Run a program to its end, its standard output going to `output`; tell its other lines.

    Raises ModelError with the last line where it fails.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError as exc:
        raise ModelError(f"{name}: expected it to start, found: {exc}") from exc
    with process:
        try:
            follow(process, name, tell)
        finally:
            process.kill()


def follow(process: "subprocess.Popen[str]", name: str, tell: Tell) -> None:
    """Tell each line once another follows: the last one may be the error."""
    assert process.stderr is not None
    held = ""
    last: deque[str] = deque(maxlen=LAST_LINES)
    for line in process.stderr:
        if held and not any(said.startswith(TRACEBACK) for said in last):
            tell(held)
        held = printable(line.strip().removeprefix(SPOKEN))
        last.append(held)
    code = process.wait()
    if code == 0:
        if held:
            tell(held)
        return
    if code == 2 and held:
        raise ModelError(held)
    said = next((line for line in reversed(last) if line.startswith("ERROR")), held or "nothing")
    raise ModelError(f"{name}: expected it to end well, found code {code}: {said}")
