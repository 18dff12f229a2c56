"""Who is served next."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from lsp_server.http.engine.queue import HOME_PATIENCE, Queue, Waiting

Make = Callable[..., Waiting]


@pytest.fixture
def make() -> Iterator[Make]:
    loop = asyncio.new_event_loop()

    def waiting(owner: str, session: str = "", *, warming: bool = False) -> Waiting:
        return Waiting({}, owner, session, 0.0, warming, answer=loop.create_future())

    yield waiting
    loop.close()


def drain(queue: Queue, engine: int = 0, now: float = 0.0) -> list[str]:
    found = []
    while (waiting := queue.take(engine, {}, now)) is not None:
        found.append(waiting.owner)
    return found


def test_people_take_turns_however_much_one_of_them_asks(make: Make) -> None:
    queue = Queue()
    for owner in ("ann", "ann", "ann", "ben", "eve"):
        queue.add(make(owner))
    assert len(queue) == 5
    assert drain(queue) == ["ann", "ben", "eve", "ann", "ann"]
    assert not queue


def test_who_was_served_longest_ago_comes_before_one_who_asked_earlier(make: Make) -> None:
    queue = Queue()
    queue.add(make("eve"))
    assert drain(queue) == ["eve"]
    for owner in ("eve", "eve", "ann"):
        queue.add(make(owner))
    assert (queue.ahead_of("ann"), queue.ahead_of("ben"), queue.ahead_of("eve")) == (1, 0, 3)
    assert drain(queue) == ["ann", "eve", "eve"]


def test_what_only_warms_up_comes_last_and_once_a_session(make: Make) -> None:
    queue = Queue()
    first = make("ann", "a", warming=True)
    assert queue.add(first) is None
    assert queue.add(make("ann", "a", warming=True)) is first
    queue.add(make("ben"))
    assert len(queue) == 1
    assert drain(queue) == ["ben", "ann"]


def test_a_request_waits_a_little_for_the_engine_that_knows_its_prompt(make: Make) -> None:
    queue = Queue()
    queue.add(make("ann", "a"))
    assert queue.take(0, {"a": 1}, now=0.0) is None
    assert queue.take(0, {"a": 1}, now=HOME_PATIENCE) is not None


def test_the_next_person_is_served_while_one_waits_for_another_engine(make: Make) -> None:
    queue = Queue()
    queue.add(make("ann", "a"))
    queue.add(make("ben", "b"))
    taken = queue.take(0, {"a": 1}, now=0.0)
    assert taken is not None
    assert taken.owner == "ben"


def test_who_hangs_up_is_not_served(make: Make) -> None:
    queue = Queue()
    gone, warming = make("ann"), make("ann", "a", warming=True)
    for waiting in (gone, warming):
        queue.add(waiting)
        queue.remove(waiting)
    queue.remove(gone)
    assert not queue
