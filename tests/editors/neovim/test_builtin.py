"""Neovim 0.12's own inline completion behind Lory's keys and functions."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, Program, StartNeovim
    from tests.scripted import Script


@pytest.fixture
def builtin(start_neovim: "StartNeovim", script: "Script", program: "Program") -> "Neovim":
    """An editor whose ghost text Neovim shows, where it can."""
    editor = start_neovim("", {"settings": script.options, "ghost_text": "builtin"})
    editor.wait_status("ready")
    return editor


def shows_own(editor: "Neovim") -> bool:
    """Whether Lory shows the text itself."""
    return bool(editor.lua("return package.loaded['lory.ghost_text'] ~= nil"))


def test_the_same_keys_serve_neovims_own(builtin: "Neovim", program: "Program") -> None:
    builtin.type("iimport o")
    builtin.wait_ghost("s.path")
    if program.version == "0.11":
        assert "needs Neovim 0.12; Lory shows its own" in builtin.messages
    else:
        assert not shows_own(builtin)
    builtin.type("<M-Right>")
    builtin.wait_line(1, "import os")
    builtin.type("<C-u>import o")
    builtin.wait_ghost("s.path")
    builtin.type("<C-]>")
    builtin.wait_no_ghost()
    builtin.type("<BS>o")
    builtin.wait_ghost("s.path")
    builtin.type("<Tab>")
    builtin.wait_line(1, "import os.path")
    builtin.type("<CR>def add(a, b):")
    builtin.wait_ghost()
    builtin.type("<M-Down>")
    builtin.wait_line(3, "    total = a + b")


def test_text_typed_just_before_accepting_is_not_doubled(builtin: "Neovim") -> None:
    builtin.type("iimport o")
    builtin.wait_ghost("s.path")
    builtin.type("s.<Tab>")
    builtin.wait_line(1, "import os.path")


def test_the_same_text_is_never_shown_twice(start_neovim: "StartNeovim", script: "Script") -> None:
    on_for_all = "if vim.lsp.inline_completion then vim.lsp.inline_completion.enable() end"
    editor = start_neovim("", {"settings": script.options}, more=on_for_all)
    editor.wait_status("ready")
    editor.type("iimport o")
    editor.wait_ghost("s.path")
    editor.type("s")
    editor.lua("vim.wait(400)")  # twice what Neovim waits before it asks
    assert editor.ghosts == [".path"]


def test_neovims_own_has_others_to_go_through(start_neovim: "StartNeovim") -> None:
    editor = start_neovim(
        "import sys\n\n", {"ghost_text": "builtin", "settings": {"min_probability": 0.001}}
    )
    editor.wait_status("ready")
    editor.type("Goif __name__ == ")
    editor.wait_ghost('"__main__":')
    editor.type("<M-]>")
    editor.until(lambda: editor.ghosts[0].startswith("'__main__':"), "the other")
    editor.type("<M-[>")
    editor.until(lambda: editor.ghosts[0].startswith('"__main__":'), "the first again")
