"""A page in a server's document, which sends every key and keeps every answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.bench.client.editor import EditorSession, Reply
from lsp_server.bench.client.offers import Offer


@dataclass(frozen=True, slots=True)
class Look:
    """One time that the server was asked."""

    typed: str
    """What stood between the start and the cursor."""
    line: str
    """The cursor's line, up to the cursor."""
    answer: Reply


class SessionPage:
    """A cursor in a session's document."""

    def __init__(self, session: EditorSession, cursor: int) -> None:
        self.looks: list[Look] = []
        self._session = session
        self._start = self._cursor = cursor

    @property
    def answers(self) -> tuple[Reply, ...]:
        """What came of each look."""
        return tuple(look.answer for look in self.looks)

    @property
    def before(self) -> str:
        """The document up to the cursor."""
        return self._session.text[: self._cursor]

    @property
    def after(self) -> str:
        """The document behind it."""
        return self._session.text[self._cursor :]

    def show(self) -> Sequence[Offer]:
        """Asks the server."""
        answer = self._session.ask(self._cursor)
        before = self.before
        self.looks.append(Look(before[self._start :], before.rpartition("\n")[2], answer))
        return answer.offers

    def replace(self, back: int, ahead: int, text: str, behind: str = "") -> None:
        """Sends the edit."""
        start = self._cursor - back
        self._session.replace(start, self._cursor + ahead, text + behind)
        self._cursor = start + len(text)

    def move(self, characters: int) -> None:
        """Moves the cursor, of which a server is not told."""
        self._cursor += characters
