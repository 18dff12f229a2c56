"""The first look: takes one of Lory's own source files, gives what is suggested at three places."""

import sys
from dataclasses import dataclass
from pathlib import Path

from lsp_server.errors import LoryError
from lsp_server.trial import FilePlace, complete_all, show


@dataclass(frozen=True, slots=True)
class Sight:
    """A cursor in a file, found by the text before it, so that edits elsewhere do not move it."""

    file: str
    """Name of a module of this package; the shipped model never saw them."""
    before: str
    """Text whose first occurrence ends at the cursor."""


SIGHTS = (
    Sight("locations.py", "from pathlib import "),
    Sight("candidates.py", "    for index, token in enum"),
    Sight("bundle.py", "        raise "),
)

CONNECT = """\
Connect an editor; the server is: {command} lsp
  Neovim 0.12  vim.lsp.config('lory', {{
                 cmd = {{ '{command}', 'lsp' }}, filetypes = {{ 'python' }} }})
               vim.lsp.enable('lory')
               vim.lsp.inline_completion.enable()
  others       any client of the Language Server Protocol: inline completion (3.18), or its menu
"""


def demonstrate() -> str:
    """What `make demo` prints. Raises LoryError where there is no bundle to complete with."""
    places = [find(sight) for sight in SIGHTS]
    trials = complete_all(places, {})
    parts = [
        f"{place.path.name}:{place.line}:{place.column}\n{show(trial, as_json=False)}"
        for place, trial in zip(places, trials, strict=True)
    ]
    command = Path(sys.executable).parent / "lory"
    return "\n".join([*parts, CONNECT.format(command=command)])


def find(sight: Sight) -> FilePlace:
    """The place that a sight names; LoryError where its text is gone."""
    path = Path(__file__).parent / sight.file
    text = path.read_text(encoding="utf-8")
    head, found, _ = text.partition(sight.before)
    if not found:
        raise LoryError(f"expected {sight.before!r} in {path}; correct the demo's places")
    before = head + found
    return FilePlace(path, before.count("\n") + 1, len(before) - before.rfind("\n"))
