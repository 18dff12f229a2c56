"""The engine's thread: one job at a time, the newest first."""

from functools import partial
from queue import Empty, SimpleQueue
from threading import Event

import pytest

from lsp_server.completion.worker.engine_thread import Task, Worker

PATIENCE = 60.0
"""Seconds for what comes at once, on a machine that has time."""


def test_waiting_jobs_run_newest_first_after_those_that_go_first() -> None:
    worker, busy, ran = Worker(), Event(), SimpleQueue[str]()

    def wait() -> None:
        busy.wait(5)

    worker.submit_last(Task(partial(ran.put, "reading ahead"), 5))
    for name in ("old", "new"):
        worker.submit(Task(partial(ran.put, name), 5))
    worker.submit_last(Task(partial(ran.put, "last"), 5))
    worker.submit_first(Task(wait, 5))
    for name in ("load", "load again"):
        worker.submit_first(Task(partial(ran.put, name), 5))
    busy.set()
    expected = ["load", "load again", "new", "old", "reading ahead", "last"]
    assert [ran.get(timeout=PATIENCE) for _ in expected] == expected
    worker.end(5)


def test_a_job_that_raises_does_not_end_the_thread() -> None:
    worker, ran = Worker(), SimpleQueue[str]()
    worker.submit_first(partial(int, "x"))  # type: ignore[arg-type]
    worker.submit(Task(partial(ran.put, "next"), 5))
    assert ran.get(timeout=PATIENCE) == "next"
    worker.end(5)


def test_a_panic_which_is_no_exception_does_not_end_the_thread() -> None:
    class Panic(BaseException):
        """As the tokenizer's."""

    def panic() -> None:
        raise Panic

    worker, ran = Worker(), SimpleQueue[str]()
    worker.submit_first(Task(panic, 5))
    worker.submit(Task(partial(ran.put, "next"), 5))
    assert ran.get(timeout=PATIENCE) == "next"
    worker.end(5)


def test_a_successor_takes_over_what_waits_and_nothing_else() -> None:
    worker, busy, ran = Worker(), Event(), SimpleQueue[str]()

    def begin() -> None:
        ran.put("begun")
        ran.put(str(busy.wait(5)))

    worker.submit_first(Task(begin, 5))
    assert ran.get(timeout=PATIENCE) == "begun"
    worker.submit(Task(partial(ran.put, "waits"), 5))
    worker.submit_first(Task(partial(ran.put, "first"), 5))
    other = worker.succeed()
    assert [ran.get(timeout=PATIENCE) for _ in range(2)] == ["first", "waits"]
    busy.set()
    assert ran.get(timeout=PATIENCE) == "True"
    worker.submit(Task(partial(ran.put, "late"), 5))
    other.end(5)
    worker.end(5)
    assert ran.empty()


def test_jobs_wait_for_the_first_that_goes_first() -> None:
    worker, ran = Worker(), SimpleQueue[str]()
    worker.submit(Task(partial(ran.put, "early"), 5))
    with pytest.raises(Empty):
        ran.get(timeout=0.1)
    worker.submit_first(Task(partial(ran.put, "load"), 5))
    assert [ran.get(timeout=PATIENCE) for _ in range(2)] == ["load", "early"]
    worker.end(5)


def test_no_job_starts_after_the_end() -> None:
    worker, ran = Worker(), SimpleQueue[str]()
    worker.submit_first(Task(partial(ran.put, "load"), 5))
    assert ran.get(timeout=PATIENCE) == "load"
    worker.end(5)
    worker.submit(Task(partial(ran.put, "late"), 5))
    assert ran.empty()
