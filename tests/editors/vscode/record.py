"""Renews the moving picture: a real VS Code in a browser, typed into, with the shipped model.

python -m tests.editors.vscode.record docs/images/typing.gif

What is typed is fixed below; a suggestion is taken with Tab where it is what comes next, else it is
typed over, as a person would.
"""

import io
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from tests.editors.neovim.take_screenshot import SOURCE
from tests.editors.vscode.conftest import (
    USUAL,
    Home,
    Window,
    install_extension,
    open_page,
    show,
    start_browser,
)
from tests.editors.vscode.take_screenshot import LOOK

LINES = (
    'parser.add_argument("--top", type=int, default=10)',
    "args = parser.parse_args()",
    "for path in args.paths:",
    "print(path, count_words(path).most_common(args.top))",
)
"""Of `main`, as they follow; the editor indents."""
KEY, TAKEN, LAST = 90, 700, 3000
"""Milliseconds that a frame stays: after a key, before a suggestion is taken, at the end."""
SETTLE = 160
"""Milliseconds after a key until a suggestion is on show, or none comes."""


class Film:
    """Frames of a window and how long each stays."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._frames: list[Image.Image] = []
        self._durations: list[int] = []

    def take(self, milliseconds: int) -> None:
        """Add what is on show."""
        shot = Image.open(io.BytesIO(self._window.page.screenshot()))
        self._frames.append(shot.convert("RGB").quantize(64, dither=Image.Dither.NONE))
        self._durations.append(milliseconds)

    def save(self, target: Path) -> None:
        """Write the frames as a GIF that begins anew at its end."""
        target.parent.mkdir(parents=True, exist_ok=True)
        first, *others = self._frames
        first.save(
            target, save_all=True, append_images=others, duration=self._durations, loop=0,
            optimize=True,
        )  # fmt: skip


def type_line(window: Window, film: Film, line: str) -> None:
    """Write one line: keys, and Tab where a suggestion is what comes next."""
    rest = line
    while rest:
        ghost = window.ghost()
        if len(ghost) > 1 and rest.startswith(ghost):
            film.take(TAKEN)
            window.press("Tab")
            rest = rest[len(ghost) :]
        else:
            window.page.keyboard.type(rest[0])
            rest = rest[1:]
        window.page.wait_for_timeout(SETTLE)
        film.take(KEY)


def record(target: Path) -> None:
    """Write the picture."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        page = open_page(stack, stack.enter_context(start_browser()))
        page.set_viewport_size({"width": 800, "height": 440})
        settings = {key: value for key, value in USUAL.items() if "autoClosing" not in key}
        home = Home(folder, install_extension(folder), SOURCE, {**settings, **LOOK})
        window = show(stack, page, home)
        window.ready()
        window.press("Control+b")
        window.go(SOURCE.count("\n"))
        film = Film(window)
        film.take(KEY)
        for line in LINES:
            window.press("End", "Enter")
            window.page.wait_for_timeout(SETTLE)
            type_line(window, film, line)
        film.take(LAST)
        film.save(target)
    sys.stdout.write(f"{target}: {target.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    record(Path(sys.argv[1]))
