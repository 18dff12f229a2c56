"""`:Lory install` in a real Neovim with a fresh home folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.editors.hostile import write_hostile_modules

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, StartNeovim
    from tests.scripted import Script

NO_SERVER = "require('lory.options').get().cmd = nil; vim.env.PATH = '/usr/bin:/bin'"
WINDOW = """
for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
  if vim.bo[buffer].filetype == 'lory-install' then
    return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\\n')
  end
end
return ''
"""


@pytest.fixture
def bare(start_neovim: "StartNeovim") -> "Neovim":
    """An editor that finds no server, and this Python for making one."""
    base = str(Path(sys.base_prefix) / "bin" / "python3")
    editor = start_neovim("import sys\n\n", {"python": base}, more=NO_SERVER)
    editor.wait_status("off: no server, run :Lory install")
    return editor


def environment(editor: "Neovim") -> Path:
    """Where the environment belongs."""
    return Path(editor.lua("return require('lory.server').environment()"))


def test_a_cancelled_installation_leaves_nothing(bare: "Neovim") -> None:
    bare.command("Lory install")
    bare.until(lambda: environment(bare).exists(), "begun")
    assert bare.status == "installing"
    bare.command("Lory cancel")
    bare.until(lambda: "installation was cancelled" in bare.messages, "cancelled")
    assert list(environment(bare).parent.iterdir()) == []
    assert bare.status == "off: no server, run :Lory install"


def test_a_failed_installation_leaves_the_environment_from_before(bare: "Neovim") -> None:
    ready = environment(bare) / "ready"
    ready.parent.mkdir(parents=True)
    ready.write_text("from before")
    bare.lua("require('lory').setup({ python = '/bin/false' })")
    bare.lua("pcall(vim.cmd, 'Lory install')")
    assert "expected Python 3.11 or newer, found none" in bare.messages
    bare.lua("require('lory').setup({ python = ... })", str(fake_python(bare.home)))
    bare.command("Lory install")
    bare.until(lambda: "to succeed, found exit code 7" in bare.lua(WINDOW), "failed")
    assert ready.read_text() == "from before"


def fake_python(folder: Path) -> Path:
    """A Python that is new enough, and makes no environments."""
    path = folder / "python"
    path.write_text('#!/bin/sh\ntest "$2" = -c && exit 0\necho "no venv here"; exit 7\n')
    path.chmod(0o755)
    return path


def test_no_module_of_the_project_runs_with_the_server_or_its_installation(
    start_neovim: "StartNeovim", script: "Script"
) -> None:
    base = str(Path(sys.base_prefix) / "bin" / "python3")
    careless = "vim.env.PYTHONPATH = ':/nowhere:' .. vim.env.PYTHONPATH"  # "": the working folder
    editor = start_neovim("", {"settings": script.options, "python": base}, more=careless)
    editor.wait_status("ready")
    sign = write_hostile_modules(editor.project)
    editor.command(f"cd {str(editor.project).replace(' ', chr(92) + ' ')}")

    editor.command("Lory restart")
    editor.until(lambda: editor.status != "ready", "stopped")
    editor.wait_status("ready")
    editor.type("iimport o")
    editor.wait_ghost("s.path")
    editor.type("<Esc>")
    editor.command("checkhealth lory")
    assert "lory 0." in "\n".join(editor.lines)
    editor.command("close")
    editor.command("Lory install")
    editor.until(lambda: "Obtaining" in editor.lua(WINDOW), "pip at work", limit=120)
    editor.command("Lory cancel")
    editor.until(lambda: "installation was cancelled" in editor.messages, "cancelled")

    assert not sign.exists()


def test_a_program_of_the_project_is_not_found_by_a_relative_path(bare: "Neovim") -> None:
    program = bare.project / "bin" / "lory"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    bare.command(f"cd {str(bare.project).replace(' ', chr(92) + ' ')}")
    bare.lua("vim.env.PATH = 'bin:.:' .. vim.env.PATH")
    assert bare.lua("return vim.fn.exepath('lory')") == str(program)
    assert bare.lua("return require('lory.server').find() == nil")


@pytest.mark.slow
@pytest.mark.parametrize("program", ["0.12"], indirect=True)
def test_an_installation_ends_with_ghost_text(bare: "Neovim") -> None:
    bare.command("Lory install")
    bare.until(lambda: "Collecting" in bare.lua(WINDOW), "downloading", limit=120)
    bare.until(lambda: "the server is installed" in bare.messages, "installed", limit=300)
    bare.wait_status("ready")
    bare.type("Goif __name__ == ")
    bare.wait_ghost('"__main__":')
    bare.type("<Esc>")
    bare.command("checkhealth lory")
    assert "(from :Lory install)" in "\n".join(bare.lines)
