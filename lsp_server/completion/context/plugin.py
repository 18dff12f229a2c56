"""The interface of context plugins, and the one that reads the current file.

They run in the order of the setting `contexts`, on the engine's thread, on a snapshot: the document
may change meanwhile. A plugin that knows related text appends it to `related`. What a plugin keeps
between requests it keeps in itself: an entry point that names a class is called without arguments
when the model is loaded, and what it gives is the plugin.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lsp_server.completion.context.snapshot import EMPTY_SNAPSHOT, Snapshot
from lsp_server.contract.text_form import CANONICAL, TextForm


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in a document, with the text around it; read before the document can change."""

    uri: str
    language: str
    """The editor's language id, such as `python`."""
    path: str
    """Relative to the workspace folder, with forward slashes; the file's name outside of any."""
    prefix: str
    """Text before the cursor, every line end as \\n; of a long document the latest lines."""
    suffix: str
    """Text after the cursor, every line end as \\n; of a long document the first lines."""
    form: TextForm = CANONICAL
    """How the text is indented; context plugins are given it in the canonical form."""
    invoked: bool = False
    """Asked for by a person, who may want several suggestions to choose from; not by typing."""
    snapshot: Snapshot = field(default=EMPTY_SNAPSHOT, compare=False, repr=False)
    """What else may be read; two cursors in the same text are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Text from elsewhere that may help at a cursor."""

    path: str
    """Of its file, as `Cursor.path`."""
    text: str
    kind: str
    """Name of the plugin that found it."""
    score: float = 0.0
    """Higher is nearer; to be compared within a kind only."""

    @property
    def shown(self) -> str:
        """The text as it stands in the prompt: under a comment with its path."""
        return f"# {self.path}\n{self.text.strip(chr(10))}\n\n\n"


@dataclass(frozen=True, slots=True)
class Context:
    """What the prompt is made of."""

    path: str = ""
    prefix: str = ""
    suffix: str = ""
    related: tuple[Snippet, ...] = ()
    """In the order of the prompt; what changes least stands first."""


ContextPlugin = Callable[[Cursor, Context], Context]
"""What the entry points of `lory.contexts` name, or what calling them gives."""


def read_file(cursor: Cursor, context: Context) -> Context:
    """The current file's path and text; what other plugins put before the prefix stays there."""
    prefix = context.prefix + cursor.prefix
    return replace(context, path=cursor.path, prefix=prefix, suffix=cursor.suffix)
