"""Sessions of any course, by a state machine: what must hold whatever a client does when.

Hypothesis chooses the messages and their order and shortens what fails. The server is the real one,
in this process, with an engine that answers by rules; real processes are `test_protocol.py`.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.inner_editor import InnerEditor
from tests.scripted import Rules, Script

DOCUMENTS = ("a é 😀.py", "private/b.py")
NAMES = st.sampled_from(DOCUMENTS)
PIECES = st.sampled_from(["ret", "ret", "x = ", "\n", "é😀", "\ud83d", " "])
TEXTS = st.lists(PIECES, max_size=6).map("".join)
PLACES = st.tuples(st.integers(0, 3), st.integers(0, 12))
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.sampled_from([True, True, True, False]),
        "exclude": st.sampled_from([["private/**"], ["[z-a]"], [], 7]),
        "languages": st.sampled_from([{"python": True}, {}]),
        "feedback": st.booleans(),
        "menu": st.sampled_from(["on", "off"]),
    },
)
JUNK = st.sampled_from(
    [
        *(b"", b"{", b"[]", b"null", b"\xff", b"[" * 2_000, b'{"id":"x","method":7}'),
        b'{"jsonrpc":"2.0","method":"textDocument/didClose","params":{}}',
        b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":[1]}}',
        b'{"jsonrpc":"2.0","id":"nobody","result":1}',
    ]
)
RULES = [
    {"after": "ret", "completion": "urn x", "logprob": -0.1},
    {"after": "x = ", "completion": "first(a)", "logprob": -0.1, "delay_ms": 20},
]


def changed(text: str, start: tuple[int, int], end: tuple[int, int], put: str) -> str:
    """A text after a change, by the protocol's words: places in UTF-16, moved into the text."""
    low, high = sorted((offset(text, start), offset(text, end)))
    return text[:low] + put + text[high:]


def offset(text: str, place: tuple[int, int]) -> int:
    """Characters before a place; inside of one, those before it."""
    lines = text.split("\n")
    line, units = place
    if line >= len(lines):
        return len(text)
    column = 0
    for character in lines[line]:
        units -= 2 if ord(character) > 0xFFFF else 1
        if units < 0:
            break
        column += 1
    return sum(len(above) + 1 for above in lines[:line]) + column


class Sessions(RuleBasedStateMachine):
    """One session; `options` are those of the scripted engine."""

    options: dict[str, Any]
    requests: Bundle[int] = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.editor = InnerEditor(Path(self.folder.name), self.options)
        self.texts: dict[str, str] = {}
        """Of open documents, as the client has them."""
        self.within(self.editor.begin)
        self.runner.run(self.editor.until(self.editor.is_at_rest))
        for name in DOCUMENTS:
            self.open(name, "ret\nx = ")

    def within(self, act: Any, *arguments: Any) -> Any:
        """Do something on the event loop's thread, as the server does."""

        async def run() -> Any:
            return act(*arguments)

        return self.runner.run(run())

    @rule(seconds=st.sampled_from([0.0, 0.005, 0.05]))
    def pause(self, seconds: float) -> None:
        """Let the server do its work."""
        self.runner.run(asyncio.sleep(seconds))

    @rule(name=NAMES)
    def save(self, name: str) -> None:
        """Save a document, with its text: what had been turned off is read again."""
        params = {"textDocument": {"uri": self.editor.uri(name)}, "text": self.texts.get(name)}
        self.within(self.editor.send, "textDocument/didSave", params)

    @rule(name=NAMES, text=TEXTS)
    def open(self, name: str, text: str) -> None:
        """Open a document, perhaps once more."""
        self.within(self.editor.open, name, text)
        self.texts[name] = text

    @rule(name=NAMES, start=PLACES, end=PLACES, put=TEXTS)
    def change(self, name: str, start: tuple[int, int], end: tuple[int, int], put: str) -> None:
        """Edit a document, perhaps one that is not open."""
        low, high = sorted((start, end))
        self.within(self.editor.change, name, low, put, high)
        if name in self.texts:
            self.texts[name] = changed(self.texts[name], low, high, put)

    @rule(name=NAMES)
    def close(self, name: str) -> None:
        """Close a document, perhaps one that is not open."""
        self.within(self.editor.close, name)
        self.texts.pop(name, None)

    @rule(more=SETTINGS)
    def configure(self, more: dict[str, Any]) -> None:
        """Change settings."""
        self.within(lambda: self.editor.configure(**more))

    @rule(target=requests, name=NAMES, line=st.integers(0, 3), wait=st.booleans())
    def ask(self, name: str, line: int, wait: bool) -> Any:
        """Ask for ghost text at a line's end, and perhaps wait for the answer."""
        number = self.within(self.editor.ask, name, line, 1_000)
        if wait:
            self.runner.run(self.editor.answered(number))
        return number

    @rule(target=requests, method=st.sampled_from(["lory/explain", "x/y"]))
    def ask_otherwise(self, method: str) -> Any:
        """Ask something else."""
        params = {"textDocument": {"uri": self.editor.uri(DOCUMENTS[0])}}
        return self.within(self.editor.request, method, params)

    @rule(number=requests)
    def cancel(self, number: int) -> None:
        """Cancel a request, perhaps one that has its answer."""
        self.within(self.editor.send, "$/cancelRequest", {"id": number})

    @rule(body=JUNK)
    def say_nonsense(self, body: bytes) -> None:
        """Send what is no message, or says nothing."""
        self.within(self.editor.server.take, body)

    @invariant()
    def documents_are_as_the_client_has_them(self) -> None:
        """What is read of a document is its text; what is not open is not read."""
        documents = self.editor.server.session.documents
        for name in DOCUMENTS:
            document = documents.get(self.editor.uri(name))
            if document is not None:
                assert document.text == self.texts.get(name), name

    def teardown(self) -> None:
        """Each request has one answer, also those that wait when the client goes."""
        try:
            last = self.within(self.editor.request, "shutdown", None)
            self.runner.run(self.editor.answered(last))
        finally:
            self.runner.close()  # what is pending is cancelled, and says so
            self.editor.server.session.end()
            self.folder.cleanup()
        answers = Counter(m["id"] for m in self.editor.received() if "method" not in m)
        asked = range(1, self.editor.number + 1)
        assert {number: answers[number] for number in asked} == dict.fromkeys(asked, 1)


@pytest.mark.slow
def test_every_session_is_answered_once_and_reads_what_its_client_has(
    write_script: Callable[[Rules], Script],
) -> None:
    Sessions.options = write_script(RULES).options
    run_state_machine_as_test(
        Sessions,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
