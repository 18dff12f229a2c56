"""Ghost text beside completion menus: Neovim's own, and stand-ins for blink.cmp's and nvim-cmp's.

Those two cannot be installed here; the stand-ins have the functions and events that they document.
"""

from typing import TYPE_CHECKING

import pytest

from tests.editors.neovim.test_command import ask_why, wait_asked

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, Script

BLINK = """
_G.menu_open = false
package.loaded['blink.cmp'] = { is_visible = function() return _G.menu_open end }
"""
OPEN_BLINK = """
_G.menu_open = ...
local event = _G.menu_open and 'BlinkCmpMenuOpen' or 'BlinkCmpMenuClose'
vim.api.nvim_exec_autocmds('User', { pattern = event })
"""
CMP = """
_G.menu_open, _G.callbacks = false, {}
package.loaded['cmp'] = {
  visible = function() return _G.menu_open end,
  event = { on = function(_, name, callback) _G.callbacks[name] = callback end },
}
"""
OPEN_CMP = """
_G.menu_open = ...
_G.callbacks[_G.menu_open and 'menu_opened' or 'menu_closed']()
"""
FORGET = "package.loaded['blink.cmp'], package.loaded['cmp'] = nil, nil"


@pytest.fixture
def own_menu(editor: "Neovim") -> "Neovim":
    """An editor where `import o` is typed, ghost text shown, and `os_thing` could complete it."""
    editor.open_afresh("menu.py", "os_thing = 1\n\n")
    editor.wait_status("ready")
    editor.command("set completeopt=menu,menuone,noselect,noinsert")
    editor.type("Goimport o")
    editor.wait_ghost("s.path")
    return editor


def test_why_tells_that_nothing_was_asked_for_beside_an_open_menu(
    editor: "Neovim", shared_script: "Script"
) -> None:
    editor.lua(BLINK)
    editor.type("iimport ")
    wait_asked(editor, shared_script, "import ")
    editor.lua(OPEN_BLINK, True)
    editor.type("o")
    has_yielded = "return require('lory.ghost_text').has_yielded(8)"
    editor.until(lambda: editor.lua(has_yielded), "beside the menu")
    editor.type("<Esc>")
    assert ask_why(editor) == (
        "Nothing was asked for here: a completion menu was open, and option menu is 'yield'."
    )
    editor.lua(OPEN_BLINK, False)
    editor.type("a")
    editor.wait_ghost("s.path")
    editor.type("<Esc>")
    assert ask_why(editor).startswith("Shown: 's.path'")
    editor.lua(FORGET)


def set_options(editor: "Neovim", menu: str, keys_over_menu: bool = False) -> None:
    """Change the plugin's options about menus."""
    chunk = "local menu, over = ...; require('lory').setup({ menu = menu, keys_over_menu = over })"
    editor.lua(chunk, menu, keys_over_menu)


def open_own_menu(editor: "Neovim") -> None:
    """Open Neovim's menu."""
    editor.type("<C-x><C-n>")
    editor.until(lambda: editor.nvim.funcs.pumvisible() == 1, "with an open menu")


def test_ghost_text_yields_to_the_open_menu_and_comes_back(own_menu: "Neovim") -> None:
    set_options(own_menu, "yield")
    open_own_menu(own_menu)
    own_menu.wait_no_ghost()
    own_menu.type("<C-e>")
    own_menu.wait_ghost("s.path")


def test_an_entry_of_the_menu_can_be_taken_while_ghost_text_waits(own_menu: "Neovim") -> None:
    set_options(own_menu, "yield")
    open_own_menu(own_menu)
    own_menu.wait_no_ghost()
    own_menu.type("<C-n><C-y>")
    own_menu.wait_line(3, "import os_thing")


def test_ghost_text_follows_the_menu_where_that_is_set(own_menu: "Neovim") -> None:
    set_options(own_menu, "follow")
    open_own_menu(own_menu)
    own_menu.wait_ghost("s.path")
    own_menu.type("<Plug>(lory-accept)")
    own_menu.wait_line(3, "import os.path")
    assert own_menu.nvim.funcs.pumvisible() == 0
    set_options(own_menu, "yield")


def test_tab_is_the_menus_unless_it_is_wanted_otherwise(own_menu: "Neovim") -> None:
    own_menu.command("inoremap <buffer> <Tab> <C-n>")
    own_menu.lua("vim.b.lory_keymaps = nil; require('lory.keymaps').attach(0)")
    set_options(own_menu, "follow")
    open_own_menu(own_menu)
    own_menu.wait_ghost()
    own_menu.type("<Tab><C-y>")
    own_menu.wait_line(3, "import os_thing")
    own_menu.type("<C-w><C-w>import o")
    own_menu.wait_ghost("s.path")
    set_options(own_menu, "follow", keys_over_menu=True)
    open_own_menu(own_menu)
    own_menu.type("<Tab>")
    own_menu.wait_line(3, "import os.path")
    set_options(own_menu, "yield")


@pytest.mark.parametrize(
    ("plugin", "toggle"), [(BLINK, OPEN_BLINK), (CMP, OPEN_CMP)], ids=["blink.cmp", "nvim-cmp"]
)
def test_ghost_text_yields_to_other_plugins_menus(
    editor: "Neovim", plugin: str, toggle: str
) -> None:
    editor.lua(plugin)
    editor.type("iimport o")
    editor.wait_ghost("s.path")
    editor.lua(toggle, True)
    editor.wait_no_ghost()
    editor.command("setlocal noexpandtab")
    editor.type("<Tab>")
    editor.wait_line(1, "import o\t")
    editor.type("<BS>")
    editor.lua(toggle, False)
    editor.wait_ghost("s.path")
    editor.lua(FORGET)
