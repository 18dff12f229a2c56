"""Measures ghost text in Neovim 0.12: Lory's own beside Neovim's; prints a table.

python -m tests.editors.neovim.measure_ghost_text
"""

import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from tests.editors.neovim.conftest import Neovim, init_file
from tests.editors.neovim.programs import find_program

ROUNDS = 15
LINE = "if __name__ == "
OFFERED = '"__main__":'


def begin(editor: Neovim) -> None:
    """An empty line in insert mode."""
    editor.type("<Esc>cc")
    editor.wait_no_ghost()


def time_until(condition: Callable[[], object]) -> float:
    """Milliseconds until a condition holds; 2 seconds at most."""
    start = perf_counter()
    while not condition() and perf_counter() - start < 2:
        sleep(0.001)
    return (perf_counter() - start) * 1e3


def wait_for_text(editor: Neovim) -> float:
    """From the last key to the text."""
    begin(editor)
    editor.type(LINE)
    return time_until(lambda: editor.ghosts)


def wait_for_rest(editor: Neovim) -> float:
    """From accepting a word to the rest."""
    wait_for_text(editor)
    editor.type("<Plug>(lory-accept-word)")
    editor.until(lambda: editor.lines[0] != LINE, "a word")
    return time_until(lambda: editor.ghosts)


def accept_two_words(editor: Neovim) -> bool:
    """Whether two words asked for at once are both inserted."""
    wait_for_text(editor)
    editor.type("<Plug>(lory-accept-word)<Plug>(lory-accept-word)")
    sleep(0.1)
    return bool(editor.lines[0] == LINE + '"__main__')


def hide_contradicted(editor: Neovim) -> float:
    """How long text stays that a typed key has contradicted."""
    wait_for_text(editor)
    editor.type("9")
    return time_until(lambda: not editor.ghosts)


def measure(editor: Neovim) -> list[str]:
    """One row: medians, and how often two words went in."""
    text, rest, gone = (
        statistics.median(call(editor) for _ in range(ROUNDS))
        for call in (wait_for_text, wait_for_rest, hide_contradicted)
    )
    both = sum(accept_two_words(editor) for _ in range(ROUNDS))
    return [f"{text:.0f} ms", f"{rest:.0f} ms", f"{both} of {ROUNDS}", f"{gone:.0f} ms"]


def main() -> None:
    """Measure both in turns."""
    titles = ["key to text", "rest after a word", "two words at once", "contradicted text gone"]
    rows = [["ghost_text", *titles]]
    for kind in ("own", "builtin"):
        with TemporaryDirectory() as folder:
            home = Path(folder)
            (home / "app.py").write_text("\n")
            editor = Neovim(find_program("0.12"), home, home)
            editor.start(init_file({"ghost_text": kind}, ""), "app.py")
            editor.wait_status("ready")
            rows.append([kind, *measure(editor)])
            editor.close()
    sys.stdout.write("".join("| " + " | ".join(row) + " |\n" for row in rows))


if __name__ == "__main__":
    main()
