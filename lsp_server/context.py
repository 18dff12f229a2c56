"""Context plugins: takes the cursor and the context so far, gives what the prompt is made of.

They run in the order of the setting `contexts`, on the engine's thread, on a snapshot: the document
may change meanwhile. A plugin that knows related text puts it before `prefix`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in a document, with the text around it; read before the document can change."""

    uri: str
    language: str
    """The editor's language id, such as `python`."""
    path: str
    """Relative to the workspace folder, with forward slashes; the file's name outside of any."""
    prefix: str
    """Text before the cursor; of a long document the latest lines."""
    suffix: str
    """Text after the cursor; of a long document the first lines."""
    invoked: bool = False
    """Asked for by a person, who may want several suggestions to choose from; not by typing."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the prompt is made of."""

    path: str = ""
    prefix: str = ""
    suffix: str = ""


ContextPlugin = Callable[[Cursor, Context], Context]
"""What the entry points of `lory.contexts` name."""


def read_file(cursor: Cursor, context: Context) -> Context:
    """The current file's path and text; what other plugins put before the prefix stays there."""
    prefix = context.prefix + cursor.prefix
    return replace(context, path=cursor.path, prefix=prefix, suffix=cursor.suffix)
