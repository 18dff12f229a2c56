"""Starts, updates and stops the project index."""

import logging
from collections.abc import Callable
from threading import Thread

from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.plugins import Report, one_line
from lsp_server.project.disk_watcher import DiskWatcher
from lsp_server.project.file_follower import FileFollower
from lsp_server.project.index.store import ProjectIndex
from lsp_server.project.text_follower import TextFollower

log = logging.getLogger(__name__)


class Following:
    """From `start` to `end`: what keeps an index true to the project."""

    def __init__(
        self, index: ProjectIndex, tokenizer: LineTokenizer, tokenizer_path: str, report: Report
    ) -> None:
        self.files = FileFollower(index, tokenizer_path, report)
        self._texts = TextFollower(index, tokenizer)
        self._disk = DiskWatcher(index)
        self._report = report
        self._index = index
        index.workspace.join(self.files, self._forget)

    def start(self) -> None:
        """Begin to read, in the background."""
        runs = {"lory-project": self.files.run, "lory-texts": self._texts.run}
        if not self._index.workspace.client_tells:
            runs["lory-disk"] = self._disk.run
        for name, run in runs.items():
            Thread(target=self._survive, args=(run,), name=name, daemon=True).start()

    def end(self) -> None:
        """Read no more; does not wait."""
        self._index.workspace.leave(self.files)
        self._disk.end()
        self._texts.end()
        self.files.end()

    def _forget(self) -> None:
        """What was read, and what is being read, is not to be used any more."""
        self._index.clear(self._index.workspace.notes.epoch)
        self.files.stop_outdated()

    def _survive(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as exc:  # a tokenizer's panic is no Exception
            log.exception("the project is followed no more")
            self._report(f"the project's files are used no more: {one_line(exc)}")
