"""code-server, which is VS Code behind a web page: started in folders of its own, and ended."""

import json
import os
import socket
import subprocess
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

from editors.vscode.declare_settings import MACHINE

CODE_SERVER = Path(__file__).parents[3] / ".cache" / "editors" / "code-server"
ENTRY = CODE_SERVER / "node_modules" / "code-server" / "out" / "node" / "entry.js"
PATIENCE = 300.0
"""Seconds until a test gives up waiting: a machine with ten times the work that it can do takes two
minutes to show a window."""


def run_code_server(
    arguments: list[str],
    home: Path,
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """code-server, started in a folder, with others of its own; it speaks to `home / log`."""
    words = ["node", str(ENTRY), "--user-data-dir", str(home / "data")]
    words += ["--config", str(home / "config.yaml"), *arguments]
    own = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "share"),
        "EXTENSIONS_GALLERY": '{"serviceUrl": "http://127.0.0.1:9/"}',
    }
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **own, **(environment or {})},
            start_new_session=True,
        )


def prefixed(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings under the names that VS Code has for them."""
    return {name if "." in name else f"lory.{name}": value for name, value in settings.items()}


def write_settings(user: Path, values: dict[str, Any]) -> None:
    """Settings where VS Code looks for them: a server's machine has a file of its own."""
    machine = {f"lory.{name}" for name in (*MACHINE, "command")}
    for folder, own in (("Machine", True), ("User", False)):
        (user / folder).mkdir(parents=True, exist_ok=True)
        held = {name: value for name, value in values.items() if (name in machine) == own}
        if held:
            (user / folder / "settings.json").write_text(json.dumps(held))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def end(process: subprocess.Popen[bytes]) -> None:
    """End code-server and all that it started."""
    for signal in (15, 9):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return


def wait_for_pages(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until code-server has pages; it listens before it knows any."""
    deadline = monotonic() + PATIENCE
    while not has_pages(port):
        assert process.poll() is None, "code-server has ended"
        assert monotonic() < deadline, "code-server has no pages"
        sleep(0.05)


def has_pages(port: int) -> bool:
    """Whether a page is there, or leads to one."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 400
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def address(port: int, folder: Path) -> str:
    """The page of a folder with `a.py` open."""
    document = f"vscode-remote://127.0.0.1:{port}{quote(str(folder / 'a.py'))}"
    payload = json.dumps([["openFile", document]])
    return f"http://127.0.0.1:{port}/?folder={quote(str(folder))}&payload={quote(payload)}"
