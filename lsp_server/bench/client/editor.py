"""Plays the editor: opens a document, edits it and asks the server for suggestions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from os.path import commonprefix
from time import perf_counter
from typing import Any

from lsp_server.bench.client.handshake import ServerFacts
from lsp_server.bench.client.lsp_client import METHOD_NOT_FOUND, LspClient, Response
from lsp_server.bench.client.offers import Offer, inline_offers, menu_offers
from lsp_server.bench.client.positions import Cursor, position_at
from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.editors import EditorName
from lsp_server.bench.texts.files import SourceFile
from lsp_server.errors import BenchError

INLINE = "textDocument/inlineCompletion"
MENU = "textDocument/completion"
AUTOMATIC = 2
"""LSP's InlineCompletionTriggerKind.Automatic."""
INVOKED = 1
"""Both kinds' Invoked."""
TRIGGER_CHARACTER = 2
"""LSP's CompletionTriggerKind.TriggerCharacter."""


class ReplyStatus(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    ERROR = "error"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of asking once."""

    offers: tuple[Offer, ...]
    """On show; none where the server answered with an error or too late."""
    seconds: float
    """From sending the last change to the answer's last byte; the timeout where none came."""
    outcome: ReplyStatus


class EditorSession:
    """One server with at most one open document, driven one request at a time."""

    def __init__(self, client: LspClient, facts: ServerFacts, config: ReplayConfig) -> None:
        self.client = client
        self.facts = facts
        self.config = config
        self.text = ""
        self._uri = ""
        self._version = 0
        self._changed_at = 0.0
        self._waiting_since: float | None = None

    def open(self, file: SourceFile) -> None:
        """Opens the file; it must be closed before another is opened."""
        self.text, self._uri, self._version = file.text, file.uri, 1
        text = self._written(self.text)
        document = {"uri": self._uri, "languageId": file.language, "version": 1, "text": text}
        self._changed_at = perf_counter()
        self.client.notify("textDocument/didOpen", {"textDocument": document})

    def close(self) -> None:
        """Closes the open file."""
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": self._uri}})

    def replace(self, start: int, end: int, new: str) -> None:
        """Replaces `text[start:end]`, here and in the server."""
        change: dict[str, Any] = {"text": self._written(new)}
        if self.facts.incremental:
            change["range"] = {"start": self._position(start), "end": self._position(end)}
        self.text = self.text[:start] + new + self.text[end:]
        if not self.facts.incremental:
            change["text"] = self._written(self.text)
        self._version += 1
        document = {"uri": self._uri, "version": self._version}
        self._changed_at = perf_counter()
        self.client.notify(
            "textDocument/didChange", {"textDocument": document, "contentChanges": [change]}
        )

    def become(self, text: str) -> None:
        """Makes the open document that text, with one edit of what differs."""
        start = len(commonprefix([self.text, text]))
        rests = [self.text[start:][::-1], text[start:][::-1]]
        kept = len(commonprefix(rests))
        if self.text != text:
            self.replace(start, len(self.text) - kept, text[start : len(text) - kept])

    def ask(self, offset: int, *, explicit: bool = False) -> Reply:
        """Asks for suggestions at a cursor, as the configuration has it: inline or the menu.

        `explicit`: as if the user had asked, not because something was typed.
        Raises BenchError where the server does not know the request, has ended or hangs.
        """
        request = self.start(offset, explicit=explicit)
        self._waiting_since = self._waiting_since or perf_counter()
        spent = perf_counter() - self._changed_at
        response = self.client.wait(request, max(0.0, self.config.timeout - spent))
        if response is None:
            return self._give_up(request)
        self._waiting_since = None
        seconds = response.received_at - self._changed_at
        if response.error is not None:
            self._check_known(response)
            return Reply((), seconds, ReplyStatus.ERROR)
        return Reply(tuple(self._offers(response.result, offset)), seconds, ReplyStatus.ANSWERED)

    def start(self, offset: int, *, explicit: bool = False) -> int:
        """Asks without waiting; gives the request's id."""
        method = MENU if self.config.menu else INLINE
        return self.client.start_request(method, self._at(offset, explicit))

    def ask_without(self, start: int, end: int, explicit: Sequence[bool] = (False,)) -> list[Reply]:
        """Asks at `start` while `text[start:end]` is cut out, and puts it back.

        `explicit`: how, one request each.
        """
        cut = self.text[start:end]
        self.replace(start, end, "")
        answers = [self.ask(start, explicit=way) for way in explicit]
        self.replace(start, start, cut)
        return answers

    def _offers(self, result: Any, offset: int) -> Sequence[Offer]:
        """What is on show; Neovim leaves an answer's line ends as they are, others adapt them."""
        cursor = Cursor(self.text, offset, self.facts.encoding)
        read = menu_offers if self.config.menu else inline_offers
        offers = read(result, cursor)[: self.config.offered]
        if self.config.editor is EditorName.NEOVIM:
            return offers
        return [replace(offer, text=offer.text.replace("\r\n", "\n")) for offer in offers]

    def _written(self, text: str) -> str:
        """The text with the form's line ends."""
        return text.replace("\n", self.config.form.line_end)

    def _at(self, offset: int, explicit: bool) -> dict[str, Any]:
        context: dict[str, Any] = {"triggerKind": INVOKED if explicit else AUTOMATIC}
        if self.config.menu:
            key = self.text[offset - 1 : offset]
            triggered = key in self.facts.trigger_characters and not explicit
            context = {"triggerKind": TRIGGER_CHARACTER if triggered else INVOKED}
            context |= {"triggerCharacter": key} if triggered else {}
        position = self._position(offset)
        return {"textDocument": {"uri": self._uri}, "position": position, "context": context}

    def _position(self, offset: int) -> dict[str, int]:
        return position_at(self.text, offset, self.facts.encoding)

    def _give_up(self, request: int) -> Reply:
        self.client.cancel(request)
        self.client.forget(request)
        silent = perf_counter() - max(self.client.heard_at, self._waiting_since or 0.0)
        if silent >= self.config.hung_after:
            raise BenchError(
                f"expected {self.facts.name} to answer, found it silent for {silent:.0f} s while "
                "requests wait; look into its log"
            )
        return Reply((), self.config.timeout, ReplyStatus.TIMEOUT)

    def _check_known(self, response: Response) -> None:
        if response.error is not None and response.error.code == METHOD_NOT_FOUND:
            other = "leave --menu out" if self.config.menu else "ask for its menu with --menu"
            raise BenchError(
                f"expected {self.facts.name} to know {MENU if self.config.menu else INLINE}, "
                f"found that it does not; {other}"
            )
