"""Replaces the engine's thread when a job takes too long."""

import asyncio
from collections.abc import Callable

from lsp_server.completion.worker.engine_thread import Job, Running, Task, Worker

GRACE = 2.0
"""Seconds that a job has to end once nobody wants its result any more."""


class WatchedWorker:
    """All methods run on the event loop's thread, but for what is asked of `is_current`.

    `given_up` is told why, and whether what runs was hurried for another job, once the thread has
    been given up and the tasks that waited behind it have been taken over.
    """

    def __init__(self, given_up: Callable[[str, bool], None]) -> None:
        self._worker = Worker()
        self._given_up = given_up
        self._clock: asyncio.TimerHandle | None = None

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on the thread that is in use: one that was given up does not."""
        return self._worker.is_current

    def submit(self, job: Job, seconds: float) -> None:
        """Run a job before those that wait."""
        self._worker.submit(Task(job, seconds))
        self._watch(seconds)

    def submit_last(self, job: Job, seconds: float) -> None:
        """Run a job once no other waits."""
        self._worker.submit_last(Task(job, seconds))
        self._watch(seconds)

    def submit_first(self, job: Job, seconds: float) -> None:
        """Run a job before all others, after those submitted so."""
        self._worker.submit_first(Task(job, seconds, may_be_hurried=False))
        self._watch(seconds)

    def want_no_more(self) -> None:
        """Nobody waits for what runs now: it has GRACE left to end by itself."""
        running = self._worker.running
        if running is not None and running.task.may_be_hurried and running.left > GRACE:
            why = f"did not stop within {GRACE:g} s"
            asyncio.get_running_loop().call_later(GRACE, self._give_up_if_at, running, why, True)

    def end(self, patience: float) -> None:
        """Run no more jobs; wait at most `patience` seconds for the one that runs."""
        if self._clock is not None:
            self._clock.cancel()
        self._worker.end(patience)

    def _watch(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._clock is not None and self._clock.when() <= due:
            return
        if self._clock is not None:
            self._clock.cancel()
        self._clock = loop.call_at(due, self._look)

    def _look(self) -> None:
        self._clock = None
        running = self._worker.running
        if running is None:
            return  # the next job has its own look
        if running.left <= 0:
            self._give_up_if_at(running, f"took longer than {running.task.seconds:g} s", False)
        else:
            self._watch(running.left)

    def _give_up_if_at(self, running: Running, why: str, hurried: bool) -> None:
        if self._worker.running is running:
            self._worker = self._worker.succeed()
            self._given_up(why, hurried)
