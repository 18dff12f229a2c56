"""An editor without a process: makes the changes of a script, and tells the tracker."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from lsp_server.documents.positions import Encoding, Position, units_of
from lsp_server.documents.text_documents import Documents, Edit
from lsp_server.engines import Candidate, StopReason
from lsp_server.feedback.rows import Offer, Row, Trigger
from lsp_server.feedback.tracker import Tracker

URI = "file:///a.py"
WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
PIECES = re.compile(r"\w+|\W")


def candidate(text: str) -> Candidate:
    """A candidate of one token for each word or mark."""
    tokens = tuple(PIECES.findall(text))
    return Candidate(tokens, (-0.1,) * len(tokens), StopReason.RULE)


@dataclass(slots=True)
class TypingEditor:
    """One document, a cursor in it, and what is tracked of it."""

    documents: Documents
    tracker: Tracker
    text: str = ""
    cursor: int = 0
    now: float = 100.0
    ids: Sequence[str] = ()

    def run(self, line: str) -> None:
        """Carry out one line of a script."""
        name, *words = (
            json.loads(word) if word.startswith('"') else word for word in WORD.findall(line)
        )
        getattr(self, f"do_{name}")(*words)

    def do_doc(self, marked: str) -> None:
        self.cursor = marked.index("¦")
        self.text = marked.replace("¦", "")
        self.documents.open(URI, "python", self.text)

    def do_offer(self, *texts: str) -> None:
        self.answer(texts, Trigger.TYPED)

    def do_invoked(self, *texts: str) -> None:
        self.answer(texts, Trigger.INVOKED)

    def do_menu(self, lead: str, *texts: str) -> None:
        self.answer(texts, Trigger.MENU, lead, len(lead))

    def do_select(self, lead: str, before: str, *texts: str) -> None:
        self.answer(texts, Trigger.TYPED, lead, int(before))

    def answer(
        self, texts: Sequence[str], trigger: Trigger, lead: str = "", before: int = 0
    ) -> None:
        """Tell the tracker what was offered in place of so many characters before the cursor."""
        document = self.documents.get(URI)
        assert document is not None
        offer = Offer(
            uri=URI,
            language="python",
            start=document.locate(self.position(self.cursor - before)),
            end=document.locate(self.position(self.cursor)),
            lead=lead,
            candidates=tuple(map(candidate, texts)),
            trigger=trigger,
            latency_ms=8.0,
            time=1e9 + self.now,
            prompt_sha256="0" * 64,
        )
        self.ids = self.tracker.offer(offer, self.now)

    def do_keys(self, text: str) -> None:
        for character in text:
            self.do_puts(character)

    def do_put(self, text: str) -> None:
        self.do_puts(text)

    def do_puts(self, *texts: str) -> None:
        edits = []
        for text in texts:
            at = self.cursor - (len(texts[0]) if text.startswith("←") else 0)
            edits.append(self.replace(at, at, text.removeprefix("←")))
        self.tell(edits)

    def do_pair(self, both: str) -> None:
        self.do_puts(both)
        self.cursor -= 1

    def do_over(self, before: str, text: str) -> None:
        self.tell([self.replace(self.cursor - int(before), self.cursor, text)])

    def do_back(self, times: str) -> None:
        for _ in range(int(times)):
            self.do_cut("1")

    def do_cut(self, before: str) -> None:
        self.do_over(before, "")

    def do_del(self, behind: str) -> None:
        self.tell([self.replace(self.cursor, self.cursor + int(behind), "")])

    def do_at(self, marked: str) -> None:
        self.cursor = self.text.index(marked.replace("¦", "")) + marked.index("¦")

    def do_differ(self, text: str) -> None:
        """A new text, told as the insertion that starts where the texts begin to differ."""
        start = next(at for at, (a, b) in enumerate(zip(self.text, text, strict=False)) if a != b)
        end = len(text) - (len(self.text) - start)
        self.tell([self.replace(start, start, text[start:end])])
        assert self.text == text

    def do_whole(self, text: str) -> None:
        self.text = text
        self.tell([text])

    def do_wait(self, seconds: str) -> None:
        self.now += float(seconds)
        self.tracker.sweep(self.now)

    def do_said(self, number: str) -> None:
        self.tracker.accept(self.ids[int(number)], self.now)

    def do_close(self) -> None:
        self.tracker.close(URI, self.now)
        self.documents.close(URI)

    def replace(self, start: int, end: int, text: str) -> Edit:
        """Put a text in place of another; the edit that says so, and the cursor behind it."""
        edit = Edit(self.position(start), self.position(end), text)
        self.text = self.text[:start] + text + self.text[end:]
        self.cursor = start + len(text)
        return edit

    def tell(self, edits: Sequence[Edit | str]) -> None:
        """One change notification."""
        self.now += 0.1
        self.tracker.edit(URI, self.documents.edit(URI, edits), self.now)

    def position(self, offset: int) -> Position:
        """A place in the text as the editor counts."""
        lines = re.split(r"\r\n|\r|\n", self.text[:offset])
        return Position(len(lines) - 1, units_of(lines[-1], self.documents.encoding))

    def rows(self) -> dict[str, Row]:
        """The latest row of each suggestion."""
        return {row.id: row for row in self.tracker.take_rows()}


@pytest.fixture
def open_editor() -> Callable[[Encoding], TypingEditor]:
    """Gives an editor that counts in an encoding."""

    def start(encoding: Encoding) -> TypingEditor:
        documents = Documents()
        documents.encoding = encoding

        def lines_of(uri: str) -> Sequence[str] | None:
            document = documents.get(uri)
            return None if document is None else document.lines

        return TypingEditor(documents, Tracker("s", lines_of))

    return start
