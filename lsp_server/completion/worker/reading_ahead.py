"""Reads a whole prompt between two keys, where only what is near was read before an answer."""

from functools import partial
from threading import Event

from lsp_server.completion.worker.watched_thread import WatchedWorker
from lsp_server.contract.prompt import Prompt
from lsp_server.engines import Engine, ReadsAhead

LONGEST = 600.0
"""Seconds until it is given up."""


class ReadingAhead:
    """At most one prompt at a time; all methods run on the event loop's thread."""

    def __init__(self) -> None:
        self._stopped = Event()

    def begin(self, worker: WatchedWorker, engine: Engine, prompt: Prompt) -> None:
        """Read on the engine's thread, unless a request waits there."""
        self.stop()
        if isinstance(engine, ReadsAhead):
            self._stopped = Event()
            worker.submit_last(partial(engine.read, prompt, self._stopped), LONGEST)

    def stop(self) -> None:
        """The engine is wanted, or the prompt is not: end within a tenth of a second."""
        self._stopped.set()
