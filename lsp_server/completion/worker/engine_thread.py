"""Runs the engine's jobs on a thread of its own, the newest first."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread, current_thread
from time import monotonic

Job = Callable[[], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A job, and how many seconds it may take."""

    job: Job
    seconds: float
    may_be_hurried: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """A task that has begun, by `time.monotonic()`."""

    task: Task
    since: float

    @property
    def left(self) -> float:
        """Seconds until it is late."""
        return self.since + self.task.seconds - monotonic()


class Worker:
    """One daemon thread, so that a busy engine never keeps the process from ending.

    It starts with the first job that goes first: until then, others wait.
    """

    def __init__(self) -> None:
        self.running: Running | None = None
        """What it is at; None while it waits."""
        self._changed = Condition()
        self._jobs: deque[Task] = deque()
        self._first: deque[Task] = deque()
        self._ended = False
        self._thread = Thread(target=self._run, name="lory-engine", daemon=True)

    @property
    def is_current(self) -> bool:
        """Whether the caller runs on this thread."""
        return current_thread() is self._thread

    def submit(self, task: Task) -> None:
        """Run a task before those that wait."""
        with self._changed:
            self._jobs.append(task)
            self._changed.notify()

    def submit_last(self, task: Task) -> None:
        """Run a task once no other waits."""
        with self._changed:
            self._jobs.appendleft(task)
            self._changed.notify()

    def submit_first(self, task: Task) -> None:
        """Run a task before all others, after those submitted so."""
        with self._changed:
            self._first.append(task)
            self._changed.notify()
            if self._thread.ident is None and not self._ended:
                self._thread.start()

    def end(self, patience: float) -> None:
        """Run no more tasks; wait at most `patience` seconds for the one that runs."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def succeed(self) -> "Worker":
        """Another one, with the tasks that wait; this one ends once what it runs has ended."""
        other = Worker()
        with self._changed:
            self._ended = True
            other._jobs, self._jobs = self._jobs, other._jobs
            first, self._first = self._first, deque()
            self._changed.notify()
        for task in first:
            other.submit_first(task)
        return other

    def _next(self) -> Task | None:
        with self._changed:
            if not (self._first or self._jobs):
                self.running = None
            self._changed.wait_for(lambda: self._ended or self._first or self._jobs)
            if self._ended:
                return None
            task = self._first.popleft() if self._first else self._jobs.pop()
            self.running = Running(task, monotonic())
            return task

    def _run(self) -> None:
        while (task := self._next()) is not None:
            try:
                task.job()
            except BaseException:  # a panic of a library is no Exception, and ends one job alone
                log.exception("a job of the engine's thread failed")
            del task  # what it was given is kept no longer than it runs
