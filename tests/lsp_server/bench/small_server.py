"""A small language server for the replay's tests: takes a behaviour's name and an argument."""

import os
import sys
import time
from pathlib import Path

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

behaviour, argument = sys.argv[1], sys.argv[2]
server = LanguageServer("small", "1.2")
asked: list[str] = []


def before_cursor(params: lsp.InlineCompletionParams | lsp.CompletionParams) -> str:
    """The document's text up to the cursor, as this server understands the edits so far."""
    document = server.workspace.get_text_document(params.text_document.uri)
    return document.source[: document.offset_at_position(params.position)]


def rest_of_line(before: str) -> str:
    """What follows in the file on disk; a marker where the document is not its beginning."""
    truth = Path(argument).read_text(encoding="utf-8")
    if not truth.startswith(before):
        return "OUT OF STEP"
    return truth[len(before) :].partition("\n")[0]


def answer(before: str) -> str:
    """The text that this behaviour offers."""
    asked.append(before)
    if behaviour == "dies" and len(asked) > int(argument):
        sys.stderr.write("out of luck\n")
        sys.stderr.flush()
        os._exit(7)
    if behaviour == "prints":
        os.write(1, b"loaded 3 modules\n")
    if behaviour == "slow":
        time.sleep(float(argument))
    if behaviour == "silent":
        time.sleep(60)
    if behaviour == "fails":
        raise ValueError("no luck")
    if behaviour == "line ends":
        return "a\r\nb" if "\r\n" in before else "a\nb"
    if behaviour == "truth":
        return rest_of_line(before)
    return "" if behaviour == "empty" else "lie"


if behaviour == "menu":

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=["."]))
    def complete(params: lsp.CompletionParams) -> lsp.CompletionList:
        """The right word comes last, but is the first by its sort text."""
        before = before_cursor(params)
        rest = rest_of_line(before)
        word = before[len(before.rstrip("abcdefghijklmnopqrstuvwxyz_")) :]
        right = lsp.CompletionItem(label=word + rest, sort_text="a")
        wrong = lsp.CompletionItem(label=word + "wrong", sort_text="b")
        return lsp.CompletionList(is_incomplete=False, items=[wrong, right])

else:

    @server.feature(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, lsp.InlineCompletionOptions())
    def complete_inline(params: lsp.InlineCompletionParams) -> lsp.InlineCompletionList:
        """One item."""
        text = answer(before_cursor(params))
        return lsp.InlineCompletionList(items=[lsp.InlineCompletionItem(insert_text=text)])


@server.feature(lsp.INITIALIZED)
def initialized(params: lsp.InitializedParams) -> None:
    """Tells its states, where the behaviour has any; a slow server is ready nevertheless."""
    if (
        behaviour in ("status", "slow")
        and (server.client_capabilities.experimental or {})["loryStatus"]
    ):
        for state in argument.split(",") if behaviour == "status" else ["ready"]:
            server.protocol.notify("lory/status", {"state": state, "message": f"is {state}"})


server.start_io()
