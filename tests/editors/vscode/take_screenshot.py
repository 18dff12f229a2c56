"""Renews the picture of VS Code: a real one in a browser, with ghost text of the shipped model.

python -m tests.editors.vscode.take_screenshot docs/images/vscode.png
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.editors.neovim.take_screenshot import SOURCE, TYPED
from tests.editors.vscode.conftest import (
    USUAL,
    Home,
    install_extension,
    open_page,
    show,
    start_browser,
)

LOOK = {
    "editor.cursorBlinking": "solid",
    "editor.minimap.enabled": False,
    "security.workspace.trust.enabled": False,
    "workbench.colorTheme": "Default Dark Modern",
    "workbench.activityBar.location": "hidden",
    "workbench.sideBar.visible": False,
    "window.commandCenter": False,
    "editor.fontSize": 16,
}


def take(target: Path) -> None:
    """Write the picture."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        page = open_page(stack, stack.enter_context(start_browser()))
        page.set_viewport_size({"width": 900, "height": 480})
        home = Home(folder, install_extension(folder), SOURCE + "\n\n", {**USUAL, **LOOK})
        window = show(stack, page, home)
        window.ready()
        window.press("Control+b")
        window.go(SOURCE.count("\n") + 3)
        window.type(TYPED)
        window.until("ghost text", window.ghost)
        target.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target)


if __name__ == "__main__":
    take(Path(sys.argv[1]))
