"""Keeps the project index up to date with the open documents.

A thread that sleeps until a document other than the one being written has changed.
"""

import logging
from collections.abc import Mapping

from lsp_server.contract.canonical import canonical_text
from lsp_server.contract.languages.profiles import language_of
from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.project.index.kept_ids import keep_ids
from lsp_server.project.index.store import OpenText, ProjectIndex

QUIET = 0.2
"""Seconds without a change after which a document is read."""
LARGEST = 1_000_000
"""Characters of a document that is read."""
MOST_TOKENS = 500_000
"""Of all open documents together; what comes later is not read."""

log = logging.getLogger(__name__)


class TextFollower:
    """What reads open documents."""

    def __init__(self, index: ProjectIndex, tokenizer: LineTokenizer) -> None:
        self._index = index
        self._workspace = index.workspace
        self._tokenizer = tokenizer
        self._ended = False
        self._refused: Mapping[str, int] = {}
        """Documents that are too large, with the serial number of their last change."""

    def run(self) -> None:
        """Read until `end`."""
        changed = self._workspace.changed
        while True:
            with changed:
                changed.wait_for(lambda: self._ended or bool(self._due()))
                due = self._due()
                changed.wait_for(lambda: self._ended, QUIET)
            if self._ended:
                return
            now = self._due()
            for name, serial in due.items():
                if now.get(name) == serial:
                    self._try(name, serial)

    def end(self) -> None:
        """Read no more; does not wait."""
        with self._workspace.changed:
            self._ended = True
            self._workspace.changed.notify_all()

    def _due(self) -> Mapping[str, int]:
        """Documents whose text is not known, with the serial number of their last change."""
        notes = self._workspace.notes
        if not notes.serving or self._index.epoch != notes.epoch:
            return {}
        return {
            name: serial
            for name, serial in notes.open.items()
            if name != notes.current
            and not self._index.has(name, serial)
            and self._refused.get(name) != serial
        }

    def _try(self, name: str, serial: int) -> None:
        """Read a document; one that cannot be read is left out, and the others are not."""
        try:
            self._read(name, serial)
        except BaseException:  # a tokenizer's panic is no Exception
            log.exception("an open document is not used for others")
            self._refused = {**self._refused, name: serial}

    def _read(self, name: str, serial: int) -> None:
        epoch = self._workspace.notes.epoch  # before the text: what may be read can change any time
        text = self._workspace.text(name)
        if text is not None and len(text) <= LARGEST:
            ids = keep_ids(self._tokenizer.encode(canonical_text(text, language_of(name))).ids)
            if len(ids) + self._index.open_tokens(besides=name) <= MOST_TOKENS:
                if not self._index.put(name, OpenText(serial, ids), epoch):
                    self._tokenizer.forget()  # it may not be read any more
                return
        self._index.put(name, None, epoch)
        self._refused = {**self._refused, name: serial}
