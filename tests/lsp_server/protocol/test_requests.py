"""Messages that come at once, in a server within this process: what reads them cannot part them."""

import asyncio
import json
from io import BytesIO
from typing import Any

from lsp_server.documents.positions import Position
from lsp_server.protocol.handlers import create_server
from lsp_server.protocol.wire.transport import Output

URI = "file:///a.py"
GHOST, MENU = "textDocument/inlineCompletion", "textDocument/completion"


def message(method: str, params: Any, number: int | None = None) -> bytes:
    """The body of a notification, or of the request of that number."""
    identity = {} if number is None else {"id": number}
    return json.dumps({"jsonrpc": "2.0", **identity, "method": method, "params": params}).encode()


def ask(method: str, number: int, character: int) -> bytes:
    """A request for suggestions on the first line."""
    place = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": character}}
    return message(method, {**place, "context": {"triggerKind": 2}}, number)


def cancel(number: int) -> bytes:
    """That a request is not wanted any more."""
    return message("$/cancelRequest", {"id": number})


def summary_after(*messages: bytes, column: int) -> str:
    """Why nothing is shown at a column, in an editor with ghost text, once it has sent these."""
    capabilities: dict[str, Any] = {"textDocument": {"inlineCompletion": {}}}
    params = {"processId": None, "rootUri": None, "capabilities": capabilities}
    document = {"uri": URI, "languageId": "python", "version": 1, "text": "x = 1"}
    opened = message("textDocument/didOpen", {"textDocument": document})

    async def converse() -> str:
        server = create_server()
        server.protocol.set_writer(Output(BytesIO()))
        for body in (message("initialize", params, 0), opened, *messages):
            server.take(body)
        await asyncio.sleep(0)  # the handlers begin
        summary = server.session.explain(URI, Position(0, column)).summary
        server.session.end()
        return summary

    return asyncio.run(converse())


CANCELLED = "Nothing was shown: the editor cancelled the request after 0 ms."
WAITING = "Nothing is shown yet: the editor has not told its settings yet."


def test_a_request_that_is_cancelled_before_its_handler_begins_says_so() -> None:
    assert summary_after(ask(GHOST, 1, 3), cancel(1), column=3) == CANCELLED


def test_a_request_that_comes_after_a_cancelled_one_is_the_one_explained() -> None:
    messages = ask(GHOST, 1, 3), cancel(1), ask(GHOST, 2, 3)
    assert summary_after(*messages, column=3) == WAITING


def test_a_cancelled_request_for_a_menu_without_suggestions_is_none_to_explain() -> None:
    summary = summary_after(ask(MENU, 1, 3), cancel(1), column=3)
    assert summary.startswith("No request was made in this document yet.")


def test_a_request_that_waits_is_explained_rather_than_a_later_one_that_was_cancelled() -> None:
    messages = ask(GHOST, 1, 3), ask(GHOST, 2, 4), cancel(2)
    assert summary_after(*messages, column=3) == WAITING
