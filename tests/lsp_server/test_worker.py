"""The engine's thread: one job at a time, the newest first."""

from functools import partial
from queue import Empty, SimpleQueue
from threading import Event

import pytest

from lsp_server.worker import Worker


def test_waiting_jobs_run_newest_first_after_those_that_go_first() -> None:
    worker, busy, ran = Worker(), Event(), SimpleQueue[str]()

    def wait() -> None:
        busy.wait(5)

    for name in ("old", "new"):
        worker.submit(partial(ran.put, name))
    worker.submit_first(wait)
    for name in ("load", "load again"):
        worker.submit_first(partial(ran.put, name))
    busy.set()
    assert [ran.get(timeout=5) for _ in range(4)] == ["load", "load again", "new", "old"]
    worker.end(5)


def test_a_job_that_raises_does_not_end_the_thread() -> None:
    worker, ran = Worker(), SimpleQueue[str]()
    worker.submit_first(partial(int, "x"))  # type: ignore[arg-type]
    worker.submit(partial(ran.put, "next"))
    assert ran.get(timeout=5) == "next"
    worker.end(5)


def test_jobs_wait_for_the_first_that_goes_first() -> None:
    worker, ran = Worker(), SimpleQueue[str]()
    worker.submit(partial(ran.put, "early"))
    with pytest.raises(Empty):
        ran.get(timeout=0.1)
    worker.submit_first(partial(ran.put, "load"))
    assert [ran.get(timeout=5) for _ in range(2)] == ["load", "early"]
    worker.end(5)


def test_no_job_starts_after_the_end() -> None:
    worker, ran = Worker(), SimpleQueue[str]()
    worker.submit_first(partial(ran.put, "load"))
    assert ran.get(timeout=5) == "load"
    worker.end(5)
    worker.submit(partial(ran.put, "late"))
    assert ran.empty()
