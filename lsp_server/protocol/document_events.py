"""Passes the editor's document notifications on to the session."""

from lsprotocol import types as lsp

from lsp_server.protocol.lsp_types import edit_from
from lsp_server.protocol.pygls_server import LoryServer


def did_open(ls: LoryServer, params: lsp.DidOpenTextDocumentParams) -> None:
    """Read a document, if it may be read."""
    document = params.text_document
    ls.session.open(document.uri, document.language_id, document.text)


def did_change(ls: LoryServer, params: lsp.DidChangeTextDocumentParams) -> None:
    """Apply edits in their order."""
    ls.session.edit(params.text_document.uri, map(edit_from, params.content_changes))


def change_lost(ls: LoryServer, uri: str | None) -> None:
    """A change could not be read: of one document, or of nobody knows which."""
    ls.session.lose_track(uri)


def did_save(ls: LoryServer, params: lsp.DidSaveTextDocumentParams) -> None:
    """Read a document that settings kept unread until now."""
    ls.session.save(params.text_document.uri, params.text)


def did_close(ls: LoryServer, params: lsp.DidCloseTextDocumentParams) -> None:
    """Forget a document."""
    ls.session.close(params.text_document.uri)
