"""The table that maps LSP methods to handlers."""

from collections.abc import Callable
from functools import partial
from typing import Any

from lsprotocol import types as lsp

from lsp_server.protocol import document_events, lifecycle, requests
from lsp_server.protocol.fast_initialize import (
    ACCEPTED_COMMAND,
    EXPLAIN,
    EXPLAIN_COMMAND,
    STATISTICS,
    TRIGGERS,
)
from lsp_server.protocol.pygls_server import LoryServer

FEATURES: tuple[tuple[str, Callable[..., Any], Any], ...] = (
    (lsp.INITIALIZED, lifecycle.initialized, None),
    (lsp.SHUTDOWN, lifecycle.shutdown, None),
    (lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, lifecycle.did_change_configuration, None),
    (lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, lifecycle.did_change_folders, None),
    (lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, lifecycle.did_change_files, None),
    (lsp.TEXT_DOCUMENT_DID_OPEN, document_events.did_open, None),
    (lsp.TEXT_DOCUMENT_DID_CHANGE, document_events.did_change, None),
    (lsp.TEXT_DOCUMENT_DID_SAVE, document_events.did_save, lsp.SaveOptions(include_text=True)),
    (lsp.TEXT_DOCUMENT_DID_CLOSE, document_events.did_close, None),
    # pygls announces ghost text only where options are given
    (
        lsp.TEXT_DOCUMENT_INLINE_COMPLETION,
        requests.inline_completion,
        lsp.InlineCompletionOptions(),
    ),
    (
        lsp.TEXT_DOCUMENT_COMPLETION,
        requests.completion,
        lsp.CompletionOptions(trigger_characters=TRIGGERS),
    ),
    (STATISTICS, requests.statistics, None),
    (EXPLAIN, requests.explain, None),
)
COMMANDS: tuple[tuple[str, Callable[..., Any]], ...] = (
    (EXPLAIN_COMMAND, requests.explain_command),
    (ACCEPTED_COMMAND, requests.accepted_command),
)
"""What `workspace/executeCommand` knows; `fast_initialize.py` announces them in this order."""
NOT_THE_LIBRARYS = (
    lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
    *(lsp.TEXT_DOCUMENT_DID_OPEN, lsp.TEXT_DOCUMENT_DID_CHANGE, lsp.TEXT_DOCUMENT_DID_CLOSE),
    *(lsp.NOTEBOOK_DOCUMENT_DID_OPEN, lsp.NOTEBOOK_DOCUMENT_DID_CHANGE),
    lsp.NOTEBOOK_DOCUMENT_DID_CLOSE,
)
"""What pygls would keep too: texts that may not be read, and places that it cannot."""


def create_server() -> LoryServer:
    """A server that has not begun to read."""
    server = LoryServer()
    for method in NOT_THE_LIBRARYS:
        server.protocol.fm.builtin_features.pop(method, None)
    for method, handler, options in FEATURES:
        server.feature(method, options)(handler)
    for name, handler in COMMANDS:
        server.command(name)(handler)
    protocol = server.protocol
    protocol.when_opened = partial(lifecycle.initialize, server)
    protocol.when_cancelled_early = partial(requests.cancelled_early, server)
    protocol.when_change_lost = partial(document_events.change_lost, server)
    return server
