"""The engine's thread: takes jobs, runs one at a time, the newest first."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

Job = Callable[[], None]

log = logging.getLogger(__name__)


class Worker:
    """One daemon thread, so that a busy engine never keeps the process from ending.

    It starts with the first job that goes first: until then, others wait.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._jobs: deque[Job] = deque()
        self._first: deque[Job] = deque()
        self._ended = False
        self._thread = Thread(target=self._run, name="lory-engine", daemon=True)

    def submit(self, job: Job) -> None:
        """Run a job before those that wait."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def submit_first(self, job: Job) -> None:
        """Run a job before all others, after those submitted so."""
        with self._changed:
            self._first.append(job)
            self._changed.notify()
            if self._thread.ident is None and not self._ended:
                self._thread.start()

    def end(self, patience: float) -> None:
        """Run no more jobs; wait at most `patience` seconds for the one that runs."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def _next(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._first or self._jobs)
            if self._ended:
                return None
            return self._first.popleft() if self._first else self._jobs.pop()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:
                log.exception("a job of the engine's thread failed")
