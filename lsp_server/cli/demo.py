"""`lory demo`: completes three places of one of Lory's own files."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from lsp_server.cli.complete import FilePlace, read_cursor, show, try_cursor
from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.model.loading import complain, load_model
from lsp_server.contract.fitting import rest_of_line
from lsp_server.errors import LoryError
from lsp_server.plugins import PluginGuard
from lsp_server.settings import Settings


@dataclass(frozen=True, slots=True)
class Sight:
    """A cursor in a file, found by the text before it, so that edits elsewhere do not move it."""

    file: str
    """Path of a module of `lsp_server`; the shipped model never saw them."""
    before: str
    """Text whose first occurrence ends at the cursor."""


SIGHTS = (
    Sight("__main__.py", "if __name__ == "),
    Sight("completion/selection/candidates.py", "    for index, token in enum"),
    Sight("completion/model/loading.py", "    except Exception "),
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
    settings, guard = Settings(), PluginGuard(complain)
    model = load_model(settings, guard)
    parts = [f"{model.title}\n"]
    for sight in SIGHTS:
        place = find(sight)
        cursor = without_rest_of_line(read_cursor(place, settings))
        trial = try_cursor(model, settings, guard, cursor)
        shown = show(trial)
        parts.append(f"{place.path.name}:{place.line}:{place.column}\n{shown}")
    command = Path(sys.executable).parent / "lory"
    return "\n".join([*parts, CONNECT.format(command=command)])


def without_rest_of_line(cursor: Cursor) -> Cursor:
    """The cursor as if the rest of its line were not written yet."""
    return replace(cursor, suffix=cursor.suffix.removeprefix(rest_of_line(cursor.suffix)))


def find(sight: Sight) -> FilePlace:
    """The place that a sight names; LoryError where its text is gone."""
    path = Path(__file__).parents[1] / sight.file
    text = path.read_text(encoding="utf-8")
    head, found, _ = text.partition(sight.before)
    if not found:
        raise LoryError(f"expected {sight.before!r} in {path}; correct the demo's places")
    before = head + found
    return FilePlace(path, before.count("\n") + 1, len(before) - before.rfind("\n"))
