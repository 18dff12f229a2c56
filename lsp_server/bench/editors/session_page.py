"""A page in a server's document: what is typed there is sent, and every answer is kept."""

from collections.abc import Sequence

from lsp_server.bench.client.editor import Answer, EditorSession
from lsp_server.bench.client.offers import Offer


class SessionPage:
    """A cursor in a session's document."""

    def __init__(self, session: EditorSession, cursor: int) -> None:
        self.answers: list[Answer] = []
        self._session = session
        self._cursor = cursor

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
        self.answers.append(answer)
        return answer.offers

    def replace(self, back: int, ahead: int, text: str, behind: str = "") -> None:
        """Sends the edit."""
        start = self._cursor - back
        self._session.replace(start, self._cursor + ahead, text + behind)
        self._cursor = start + len(text)

    def move(self, characters: int) -> None:
        """Moves the cursor, of which a server is not told."""
        self._cursor += characters
