"""Renews the picture of Neovim: a real one in a terminal, with ghost text of the shipped model.

python -m tests.editors.neovim.take_screenshot docs/images/neovim.png
"""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from rich.console import Console
from rich.text import Text

from tests.editors.neovim.conftest import PLUGIN, SERVER, lua
from tests.editors.neovim.programs import find_program

WIDTH, HEIGHT = 84, 20
SOURCE = '''"""Counts the words of text files."""

import argparse
from collections import Counter
from pathlib import Path


def count_words(path: Path) -> Counter[str]:
    words = path.read_text(encoding="utf-8").lower().split()
    return Counter(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
'''
TYPED = "if __name__ == "
PATIENCE = 30.0


def init_file() -> str:
    """An init.lua with the plugin and a statusline."""
    options = {"cmd": list(SERVER), "keymaps": True}
    return f"""
vim.o.termguicolors, vim.o.number, vim.o.swapfile, vim.o.showmode = true, true, false, false
vim.cmd('filetype indent off')
vim.o.autoindent, vim.o.ruler, vim.o.laststatus = false, false, 2
vim.api.nvim_set_hl(0, 'Normal', {{}})
vim.api.nvim_set_hl(0, 'LoryGhostText', {{ fg = '#8a90a0', italic = true }})
vim.opt.runtimepath:append({lua(str(PLUGIN))})
require('lory').setup({lua(options)})
vim.lsp.enable('lory')
vim.o.statusline = " %f %m%=Lory: %{{v:lua.require'lory'.status()}}   %l:%c "
"""


class Terminal:
    """A real Neovim in tmux."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "tmux"
        program = find_program("0.12")
        (folder / "init.lua").write_text(init_file())
        (folder / "words.py").write_text(SOURCE)
        kinds = ("CONFIG", "DATA", "STATE", "CACHE")
        variables = [f"XDG_{kind}_HOME={folder}" for kind in kinds]
        variables += [f"VIMRUNTIME={program.runtime}", "TERM=tmux-256color", "LANG=C.UTF-8"]
        size = ["-x", str(WIDTH), "-y", str(HEIGHT), "-c", str(folder)]
        neovim = [str(program.path), "-u", "init.lua", "words.py"]
        self.call("new-session", "-d", *size, "env", *variables, *neovim)

    def call(self, *arguments: str) -> str:
        """A tmux command's output."""
        command = ["tmux", "-S", str(self._socket), "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def wait(self, condition: Callable[[str], bool]) -> None:
        """Return once the screen is as wanted."""
        deadline = monotonic() + PATIENCE
        while not condition(screen := self.call("capture-pane", "-p")):
            if monotonic() > deadline:
                raise SystemExit(f"expected ghost text on the screen, found:\n{screen}")
            sleep(0.05)


def capture(folder: Path) -> str:
    """The screen with its colours, once ghost text is shown."""
    terminal = Terminal(folder)
    try:
        terminal.wait(lambda screen: "Lory: ready" in screen)
        terminal.call("send-keys", "-l", f"Go\r\r{TYPED}")
        terminal.wait(lambda screen: TYPED + '"' in screen and "Lory: ready" in screen)
        return terminal.call("capture-pane", "-p", "-e")
    finally:
        terminal.call("kill-server")


def draw(screen: str, folder: Path, picture: Path) -> None:
    """Draw a screen as a PNG by headless Chromium."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor")
    console.print(Text.from_ansi(screen), end="")
    page = folder / "page.html"
    svg = console.export_svg(title="Neovim 0.12 with Lory", font_aspect_ratio=0.6)
    page.write_text(f"<body style='margin:0'>{svg}</body>", encoding="utf-8")
    picture.parent.mkdir(parents=True, exist_ok=True)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    flags += ["--no-first-run", "--disable-background-networking", "--window-size=1052,552"]
    target = [f"--user-data-dir={folder / 'profile'}", f"--screenshot={picture.absolute()}"]
    command = ["chromium", *flags, *target, page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Take the picture."""
    picture = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/neovim.png")
    with TemporaryDirectory() as folder:
        draw(capture(Path(folder)), Path(folder), picture)
    sys.stdout.write(f"{picture}: {picture.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
