"""Times the README of the VS Code extension, from a clone to ghost text, in an empty home folder.

python -m tests.editors.vscode.time_first_use

Every command is run as it stands there, with empty caches of npm and pip. The editor is
code-server.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.editors.vscode.code_server import PATIENCE, run_code_server
from tests.editors.vscode.conftest import (
    EXTENSION,
    ROOT,
    USUAL,
    Home,
    open_page,
    show,
    start_browser,
)

TYPED, OFFERED = "if __name__ == ", '"__main__":'


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took."""
    begun = perf_counter()
    yield
    sys.stdout.write(f"{perf_counter() - begun:6.1f} s  {what}\n")
    sys.stdout.flush()


def commands() -> list[str]:
    """The README's, up to the one that VS Code is given."""
    block = re.search(r"\n\n((?: {4}.+\n)+)", (EXTENSION / "README.md").read_text())
    assert block is not None
    lines = [line.strip() for line in block.group(1).splitlines()]
    assert lines[-1] == "code --install-extension lory.vsix"
    return lines[:-1]


def walk(folder: Path) -> None:
    """Do all that the README says."""
    home = folder / "home"
    home.mkdir()
    own = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "npm_config_cache": ""}
    environment = {name: text for name, text in {**os.environ, **own}.items() if text}
    clone = folder / "lory"
    with timed("git clone"):
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    place = clone
    for command in commands():
        if command.startswith("cd "):
            place = clone / command.removeprefix("cd ")
            continue
        with timed(command):
            subprocess.run(
                command, shell=True, cwd=place, env=environment, check=True, capture_output=True
            )
    extensions = folder / "extensions"
    with timed("code --install-extension lory.vsix"):
        arguments = ["--extensions-dir", str(extensions), "--install-extension"]
        run_code_server([*arguments, str(place / "lory.vsix")], home).wait(PATIENCE)
    settings = {name: value for name, value in USUAL.items() if name != "lory.command"}
    settings["security.workspace.trust.enabled"] = False
    with ExitStack() as stack:
        page = open_page(stack, stack.enter_context(start_browser()))
        with timed("VS Code's start"):
            window = show(stack, page, Home(folder, extensions, "", settings))
            window.until("the offer", lambda: "no server" in window.status())
        with timed("a click on the status bar, to a server that is ready"):
            page.locator(".statusbar-item", has_text="Lory").click()
            window.ready()
        with timed("typing, to ghost text"):
            window.go(1)
            window.type(TYPED)
            window.expect(OFFERED)


if __name__ == "__main__":
    with TemporaryDirectory(prefix="first use ") as name, timed("all of it"):
        walk(Path(name))
