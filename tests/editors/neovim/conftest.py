"""Real Neovims for the tests: takes files, options and rules, gives a running editor with Lory."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from time import monotonic, sleep
from typing import Any

import pynvim
import pytest

from tests.editors.neovim.programs import Program, find_program
from tests.scripted import Rules, Script, script_bundle, write_script

__all__ = ["Program", "Rules", "Script", "script_bundle", "write_script"]

ROOT = Path(__file__).parents[3]
PLUGIN = ROOT / "editors" / "neovim"
PATIENCE = 30.0
SERVER = (sys.executable, "-m", "lsp_server", "lsp")
GHOST = """
local buffer, found = ..., {}
for _, name in ipairs({ 'lory.ghost_text', 'nvim.lsp.inline_completion' }) do
  local namespace = vim.api.nvim_get_namespaces()[name]
  local all = { buffer, namespace or -1, 0, -1, { details = true } }
  for _, mark in ipairs(namespace and vim.api.nvim_buf_get_extmarks(unpack(all)) or {}) do
    local lines = { mark[4].virt_text[1][1] }
    for _, line in ipairs(mark[4].virt_lines or {}) do
      table.insert(lines, line[1][1])
    end
    table.insert(found, table.concat(lines, '\\n'))
  end
end
return found
"""


def lua(value: Any) -> str:
    """A Lua expression of a JSON value."""
    return f"vim.json.decode({json.dumps(json.dumps(value))})"


def wait_until_listening(address: str) -> None:
    """Return once a Unix socket takes connections."""
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(address)
            return
        sleep(0.005)
    pytest.fail(f"nobody listens at {address}")


@dataclass(slots=True)
class Neovim:
    """A running editor with one file open."""

    program: Program
    home: Path
    project: Path
    nvim: Any = field(init=False)
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self, init: str, name: str) -> None:
        """Start with this init.lua, in a home folder of its own, at a file of the project."""
        (self.home / "init.lua").write_text(init)
        names = ("PATH", "LANG", "TMPDIR", "PYTHONPATH")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        folders = ("CONFIG", "DATA", "STATE", "CACHE", "RUNTIME")
        places = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in folders}
        environment = {**kept, **places, "HOME": str(self.home), "OMP_WAIT_POLICY": "passive"}
        if self.program.runtime:
            environment["VIMRUNTIME"] = str(self.program.runtime)
        folder = Path(mkdtemp(prefix="lory"))  # a socket's path may not be long
        address = str(folder / "s")
        init, file = str(self.home / "init.lua"), str(self.project / name)
        self.process = subprocess.Popen(
            [
                str(self.program.path),
                *("--headless", "--clean", "--listen", address),
                "-u",
                init,
                file,
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_listening(address)
        self.nvim = pynvim.attach("socket", path=address)
        rmtree(folder)

    def lua(self, code: str, *arguments: Any) -> Any:
        """What a Lua chunk returns."""
        return self.nvim.exec_lua(code, *arguments)

    def until(self, condition: Callable[[], Any], what: str = "", limit: float = PATIENCE) -> Any:
        """Wait until a condition holds, for `limit` seconds at most; its value."""
        deadline = monotonic() + limit
        while not (value := condition()):
            if monotonic() > deadline:
                said = self.nvim.command_output("messages")
                pytest.fail(f"never {what}; lines {self.lines}, ghost {self.ghosts}, said: {said}")
            sleep(0.01)
        return value

    def wait_status(self, text: str) -> str:
        """The status, once it begins with a text."""
        return str(self.until(lambda: self.status.startswith(text) and self.status, text))

    def wait_ghost(self, text: str | None = None) -> str:
        """The ghost text, once it is there, or is this one."""

        def shown() -> list[str]:
            found = self.ghosts
            return found if found and text in (None, found[0]) else []

        return str(self.until(shown, f"the ghost text {text!r}")[0])

    def wait_no_ghost(self) -> None:
        """Return once no ghost text is shown."""
        self.until(lambda: not self.ghosts, "without ghost text")

    def wait_line(self, number: int, text: str) -> None:
        """Return once a line, counted from 1 on, is just this text."""
        self.until(lambda: self.lines[number - 1 : number] == [text], f"line {number}: {text!r}")

    def type(self, keys: str) -> None:
        """Press keys, in Neovim's notation."""
        self.nvim.input(keys.replace("\n", "<CR>"))

    @property
    def ghosts(self) -> list[str]:
        """All ghost texts of the buffer."""
        return self.ghosts_in(0)

    def ghosts_in(self, buffer: int) -> list[str]:
        """All ghost texts of a buffer, by its number."""
        return list(self.lua(GHOST, buffer))

    @property
    def lines(self) -> list[str]:
        """The buffer's lines."""
        return list(self.nvim.current.buffer[:])

    @property
    def status(self) -> str:
        """What the statusline function says."""
        return str(self.lua("return require('lory').status()"))

    @property
    def messages(self) -> str:
        """All that was said to the user."""
        return str(self.nvim.command_output("messages"))

    def server_pid(self) -> int | None:
        """The process of the server that runs now."""
        pid = self.lua("return (vim.api.nvim_get_proc_children(vim.fn.getpid()) or {})[1]")
        return None if pid is None else int(pid)

    def open_afresh(self, name: str, text: str) -> None:
        """Forget all buffers, and open a file of the project with this text."""
        self.nvim.input("<Esc>")
        self.until(lambda: self.nvim.api.get_mode()["mode"] == "n", "in normal mode")
        self.command("silent %bwipeout!")
        self.command("messages clear")
        (self.project / name).write_text(text)
        self.lua("vim.cmd.edit(vim.fn.fnameescape(...))", str(self.project / name))

    def command(self, text: str) -> None:
        """Run an Ex command."""
        self.nvim.command(text)

    def close(self) -> None:
        """End the editor, and with it the server."""
        with suppress(OSError, EOFError):  # it goes without an answer
            self.nvim.command("qall!")
        self.nvim.close()
        self.process.wait(PATIENCE)


StartNeovim = Callable[..., Neovim]


def init_file(options: dict[str, Any], more: str) -> str:
    """An init.lua that loads the plugin from this checkout, with the given options."""
    given = {"cmd": list(SERVER), "keymaps": True, **options}
    return "\n".join(
        [
            f"vim.opt.runtimepath:append({lua(str(PLUGIN))})",
            f"require('lory').setup({lua(given)})",
            more,
            "vim.lsp.enable('lory')",
        ]
    )


@pytest.fixture(scope="session", params=["0.11", "0.12"])
def program(request: pytest.FixtureRequest) -> Program:
    """Each Neovim that Lory is for."""
    return find_program(request.param)


@pytest.fixture
def start_neovim(program: Program, tmp_path: Path) -> Iterator[StartNeovim]:
    """Gives a fresh editor with a file of this text open."""
    with ExitStack() as stack:

        def start(
            text: str = "",
            options: dict[str, Any] | None = None,
            more: str = "",
            name: str = "app.py",
        ) -> Neovim:
            project = tmp_path / "my project"
            project.mkdir()
            (project / name).write_text(text)
            neovim = Neovim(program, tmp_path, project)
            neovim.start(init_file(options or {}, more), name)
            stack.callback(neovim.close)
            return neovim

        yield start


RULES: Rules = [
    {"after": "import o", "completion": "s.path"},
    {"after": "print(", "completion": '"hello", name)'},
    {"after": "# é😋 ", "completion": "grüße 世界 und mehr"},
    {"after": "def add(a, b):", "completion": "\n    total = a + b\n    return total"},
    {"after": "unlikely ", "completion": "completion", "logprob": -2.0},
    {"after": "slow ", "completion": "and sure", "delay_ms": 60000},
]


@pytest.fixture
def script(write_script: Callable[[Rules], Script]) -> Script:
    """The scripted engine with `RULES`, for a fresh editor."""
    return write_script(RULES)


@pytest.fixture(scope="session")
def shared_script(tmp_path_factory: pytest.TempPathFactory, script_bundle: Path) -> Script:
    """The scripted engine of `editor`."""
    return Script(tmp_path_factory.mktemp("script"), script_bundle, RULES)


@pytest.fixture(scope="session")
def shared_editor(
    program: Program, shared_script: Script, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Neovim]:
    """One Neovim of each version, for all tests that leave it as it was."""
    home = tmp_path_factory.mktemp("neovim")
    (home / "project").mkdir()
    neovim = Neovim(program, home, home / "project")
    neovim.start(init_file({"settings": shared_script.options}, ""), "first.py")
    yield neovim
    neovim.close()


@pytest.fixture
def editor(shared_editor: Neovim, shared_script: Script) -> Neovim:
    """An editor at an empty file, the scripted engine ready, and nothing asked of it yet."""
    shared_editor.open_afresh("app.py", "")
    shared_editor.wait_status("ready")
    shared_script.log.write_text("")
    return shared_editor


@pytest.fixture
def own_or_builtin(
    request: pytest.FixtureRequest, editor: Neovim, program: Program
) -> Iterator[Neovim]:
    """`editor` with either shower of ghost text, by the test's parameter."""
    if request.param == "builtin" and program.version == "0.11":
        pytest.skip("has none built in")
    editor.lua("require('lory').setup({ ghost_text = ... })", request.param)
    yield editor
    editor.lua("require('lory').setup({ ghost_text = 'own' })")
