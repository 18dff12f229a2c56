"""Files with line ends of Windows and old Macs: what is shown, and the bytes that are saved."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, StartNeovim

SERVER_OF_WINDOWS = r"""
vim.lsp.config('lory', {
  cmd = function()
    local text = '\r\n    total = a + b\r\n    return total'
    local answers = {
      initialize = { capabilities = { textDocumentSync = 2, inlineCompletionProvider = true } },
      ['lory/explain'] = { read = true },
      ['textDocument/inlineCompletion'] = { items = { { insertText = text } } },
    }
    return {
      request = function(method, _, answer)
        vim.schedule(function() answer(nil, answers[method] or vim.NIL) end)
        return true, 1
      end,
      notify = function() return true end,
      is_closing = function() return false end,
      terminate = function() end,
    }
  end,
})
"""
"""Neovim takes a function for a server; this one answers as a server should not."""

BODY = "\n    total = a + b\n    return total"


@pytest.mark.parametrize(("name", "end"), [("unix.py", "\n"), ("dos.py", "\r\n")])
def test_a_file_keeps_its_line_ends(editor: "Neovim", name: str, end: str) -> None:
    (editor.project / name).write_bytes(f"x = 1{end}{end}y = 2{end}".encode())
    editor.command(f"edit {editor.project / name}")
    assert editor.lua("return vim.bo.fileformat") == name[:-3]
    editor.wait_status("ready")
    editor.type("jidef add(a, b):")
    editor.wait_ghost(BODY)
    editor.type("<M-Down><Tab><Esc>")
    editor.wait_line(4, "    return total")
    editor.command("silent write")
    saved = (editor.project / name).read_bytes().decode()
    assert saved == f"x = 1\ndef add(a, b):{BODY}\ny = 2\n".replace("\n", end)


@pytest.mark.parametrize("ghost_text", ["own", "builtin"])
def test_a_servers_line_ends_are_never_inserted(
    start_neovim: "StartNeovim", ghost_text: str
) -> None:
    editor = start_neovim("", {"ghost_text": ghost_text}, more=SERVER_OF_WINDOWS, name="dos.py")
    editor.command("setlocal fileformat=dos")
    editor.until(lambda: editor.lua("return #vim.lsp.get_clients({ bufnr = 0 })"), "a server")
    editor.type("idef add(a, b):")
    shown = editor.wait_ghost()
    if ghost_text == "own":
        assert shown == BODY
    editor.type("<Tab>")
    editor.wait_line(3, "    return total")
    editor.type("<Esc>")
    editor.command("silent write")
    assert (editor.project / "dos.py").read_bytes() == (
        b"def add(a, b):\r\n    total = a + b\r\n    return total\r\n"
    )
