"""Ghost text in real Neovims: what is shown, and what each key makes of it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, StartNeovim
    from tests.scripted import Script


def test_text_appears_and_tab_inserts_all_of_it(editor: "Neovim") -> None:
    editor.type("iimport o")
    assert editor.wait_ghost() == "s.path"
    editor.type("<Tab>")
    editor.wait_line(1, "import os.path")
    editor.wait_no_ghost()
    editor.type(" as p<Esc>")
    editor.command("write")
    assert (editor.project / "app.py").read_text() == "import os.path as p\n"


def test_words_are_inserted_one_by_one_while_the_rest_stays_shown(editor: "Neovim") -> None:
    editor.type("iprint(")
    editor.wait_ghost('"hello", name)')
    editor.type("<M-Right>")
    editor.wait_ghost('hello", name)')
    editor.type("<M-Right><M-Right><M-Right>")
    editor.wait_line(1, 'print("hello", name')
    editor.wait_ghost(")")
    editor.type("<Tab>")
    editor.wait_line(1, 'print("hello", name)')


def test_lines_are_inserted_one_by_one(editor: "Neovim") -> None:
    editor.type("idef add(a, b):")
    editor.wait_ghost("\n    total = a + b\n    return total")
    editor.type("<M-Down>")
    editor.wait_ghost("\n    return total")
    assert editor.lines == ["def add(a, b):", "    total = a + b"]
    editor.type("<M-Down>")
    editor.wait_line(3, "    return total")
    assert editor.nvim.current.window.cursor == (3, 16)


def test_all_lines_are_inserted_at_once_between_others(editor: "Neovim") -> None:
    editor.open_afresh("between.py", "x = 1\n\ny = 2\n")
    editor.wait_status("ready")
    editor.type("jidef add(a, b):")
    editor.wait_ghost()
    editor.type("<Tab><Esc>")
    editor.command("write")
    expected = "x = 1\ndef add(a, b):\n    total = a + b\n    return total\ny = 2\n"
    assert (editor.project / "between.py").read_text() == expected


def test_what_is_typed_of_it_is_not_inserted_again(editor: "Neovim") -> None:
    editor.type("iprint(")
    editor.wait_ghost('"hello", name)')
    editor.type('"he<Tab>')  # with no time for the server to answer
    editor.wait_line(1, 'print("hello", name)')


def test_a_key_that_contradicts_it_hides_it_at_once(editor: "Neovim") -> None:
    editor.type("iprint(")
    editor.wait_ghost()
    editor.command("setlocal noexpandtab")
    editor.type("9<Tab>")
    editor.wait_line(1, "print(9\t")
    assert editor.ghosts == []


def test_a_line_that_is_not_ascii_takes_the_text_at_the_cursor(editor: "Neovim") -> None:
    editor.type("ix = 1  # é😋 ")
    assert editor.wait_ghost() == "grüße 世界 und mehr"
    editor.type("<M-Right>")
    editor.wait_line(1, "x = 1  # é😋 grüße")
    editor.type("<M-Right>")
    editor.wait_line(1, "x = 1  # é😋 grüße 世界")
    editor.type("<Tab>")
    editor.wait_line(1, "x = 1  # é😋 grüße 世界 und mehr")


def test_undo_takes_back_the_accepted_text_alone(editor: "Neovim") -> None:
    editor.type("iimport o")
    editor.wait_ghost()
    editor.type("<Tab>")
    editor.wait_line(1, "import os.path")
    editor.type("<Esc>u")
    editor.wait_line(1, "import o")


def test_dismissed_text_comes_back_with_the_next_key_only(
    editor: "Neovim", shared_script: "Script"
) -> None:
    editor.type("iprint(")
    editor.wait_ghost()
    editor.type("<C-]>")
    editor.wait_no_ghost()
    asked = len(shared_script.asked)
    editor.type("<Left><Right>")
    editor.until(lambda: editor.nvim.current.window.cursor == (1, 6), "back")
    assert (editor.ghosts, len(shared_script.asked)) == ([], asked)
    editor.type('"')
    assert editor.wait_ghost() == 'hello", name)'


def test_leaving_insert_mode_hides_the_text(editor: "Neovim") -> None:
    editor.type("iimport o")
    editor.wait_ghost()
    editor.type("<Esc>")
    editor.wait_no_ghost()


def test_an_unlikely_text_is_shown_only_when_it_is_asked_for(editor: "Neovim") -> None:
    editor.type("iunlikely ")
    editor.wait_line(1, "unlikely ")
    editor.wait_status("ready")
    assert editor.ghosts == []
    editor.type("<M-Bslash>")
    editor.wait_ghost("completion")
    editor.type("comp")
    editor.wait_ghost("letion")
    editor.type("<Tab>")
    editor.wait_line(1, "unlikely completion")


def test_tab_does_what_it_did_where_nothing_is_shown(
    start_neovim: "StartNeovim", script: "Script"
) -> None:
    plain = "vim.keymap.set('i', '<Tab>', 'before')"
    editor = start_neovim("", {"settings": script.options}, more=plain)
    editor.wait_status("ready")
    editor.type("i<Tab>")
    editor.wait_line(1, "before")
    editor.type("<CR>import o")
    editor.wait_ghost()
    editor.type("<Tab>")
    editor.wait_line(2, "import os.path")


def test_without_a_map_before_tab_indents(editor: "Neovim") -> None:
    editor.command("setlocal expandtab shiftwidth=4 softtabstop=4")
    editor.type("i<Tab>x")
    editor.wait_line(1, "    x")


def test_an_expression_map_of_the_user_may_accept(
    start_neovim: "StartNeovim", script: "Script"
) -> None:
    own = (
        "vim.keymap.set('i', '<C-l>', function() if not require('lory').accept() then"
        " return 'nothing' end end, { expr = true })"
    )
    options = {"settings": script.options, "keymaps": False}
    editor = start_neovim("", options, more=own)
    editor.wait_status("ready")
    editor.type("i<C-l>")
    editor.wait_line(1, "nothing")
    editor.type("<C-u>import o")
    editor.wait_ghost()
    editor.type("<C-l>")
    editor.wait_line(1, "import os.path")


def test_an_answer_that_comes_too_late_is_not_shown(editor: "Neovim") -> None:
    editor.type("islow ")
    editor.wait_status("completing")
    editor.type("<BS><BS><BS><BS><BS>import o")
    assert editor.wait_ghost() == "s.path"
    assert editor.status == "ready"


def test_the_shipped_model_completes_and_offers_others(start_neovim: "StartNeovim") -> None:
    editor = start_neovim("import sys\n\n")
    editor.wait_status("ready")
    editor.type("Goif __name__ == ")
    editor.wait_ghost('"__main__":')
    editor.type("<M-]>")
    editor.wait_ghost("'__main__':")
    editor.type("<M-]>")
    editor.until(lambda: "".join(editor.ghosts).startswith('"__main__":'), "the next one")
    editor.type("<M-[>")
    editor.wait_ghost("'__main__':")
    editor.type("<Tab><Esc>")
    editor.wait_line(3, "if __name__ == '__main__':")
    editor.command("write")
    assert (editor.project / "app.py").read_text() == "import sys\n\nif __name__ == '__main__':\n"
