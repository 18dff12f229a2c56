"""States of a document while a block is typed in VS Code."""

from lsp_server.bench.mixture.typed_states import State, typed_states
from lsp_server.bench.replay.blocks import block_at

CODE = 'def f():\n    g("a")\n'


def test_closing_marks_of_the_editor_stand_behind_the_cursor() -> None:
    states = typed_states(CODE, block_at(CODE, 1, 1))
    head = "def f():\n    "
    assert states[2] == State(f"{head}g(", ")\n", '"a")\n')
    assert states[3] == State(f'{head}g("', '")\n', 'a")\n')
    assert len(states) == len('g("a")')


def test_indentation_that_is_still_to_be_mended_is_no_state() -> None:
    code = "if x:\n    y()\nz\n"
    states = typed_states(code, block_at(code, 0, 3))
    assert all(code.startswith(state.before) for state in states)
    assert all(state.before + state.truth == code for state in states)
