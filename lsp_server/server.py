"""The language server: takes LSP messages, gives answers; with `answers.py` all that knows LSP."""

import asyncio
import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from lsprotocol import types as lsp
from pygls.exceptions import FeatureRequestError, JsonRpcException
from pygls.lsp.server import LanguageServer

from lsp_server import __version__
from lsp_server.answers import edit_from, inline_list, menu_list, position_from, selection_from
from lsp_server.documents import Encoding
from lsp_server.greeting import STATISTICS, TRIGGERS
from lsp_server.plugin_guard import one_line
from lsp_server.project.walk import SUFFIXES
from lsp_server.protocol import LoryProtocol
from lsp_server.session import Session
from lsp_server.settings import SECTION, MenuMode

STATUS = "lory/status"
STATUS_CAPABILITY = "loryStatus"
"""Clients ask for `lory/status` with this key of the experimental capabilities."""

PATIENCE_FOR_SETTINGS = 2.0
"""Seconds; a client that does not answer must not keep the model from loading."""

CONFIGURATION_CHANGES = lsp.Registration(
    id=lsp.WORKSPACE_DID_CHANGE_CONFIGURATION,
    method=lsp.WORKSPACE_DID_CHANGE_CONFIGURATION,
    register_options={"section": SECTION},
)
FILE_CHANGES = lsp.Registration(
    id=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES,
    method=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES,
    register_options=lsp.DidChangeWatchedFilesRegistrationOptions(
        [lsp.FileSystemWatcher(f"**/*{end}") for ends in SUFFIXES.values() for end in ends]
    ),
)

log = logging.getLogger(__name__)


class LoryServer(LanguageServer):
    """pygls' server, with Lory's session and its line to the user."""

    protocol: LoryProtocol

    def __init__(self) -> None:
        super().__init__("lory", __version__, protocol_cls=LoryProtocol)
        self.session = Session(self, self.report)
        self.loop: asyncio.AbstractEventLoop | None = None
        self._bar = ""

    @property
    def experimental(self) -> dict[str, Any]:
        """What the client can do beyond the protocol."""
        found = self.client_capabilities.experimental
        return found if isinstance(found, dict) else {}

    def show(self, state: str, percent: int, message: str) -> None:
        """Tell what the engine is doing: as `lory/status`, as a progress bar, as an error."""
        if self.experimental.get(STATUS_CAPABILITY):
            status = {"state": state, "percent": percent, "message": message}
            self.protocol.notify(STATUS, status)
        self._show_bar(state, percent, message)
        if state == "error":
            self._show_error(message)

    def report(self, message: str) -> None:
        """Show an error; from any thread."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._show_error, message)

    def _show_error(self, message: str) -> None:
        text = f"Lory: {message}"
        self.window_show_message(lsp.ShowMessageParams(type=lsp.MessageType.Error, message=text))

    def _show_bar(self, state: str, percent: int, message: str) -> None:
        bar, token = self.work_done_progress, self._bar
        window = self.client_capabilities.window
        if window and window.work_done_progress and state == "loading" and not percent:
            self._bar = str(uuid4())
            bar.create(self._bar, partial(self._begin_bar, self._bar))
        elif state != "loading":
            self._bar = ""
            if token in bar.tokens:
                bar.end(token, lsp.WorkDoneProgressEnd(message=message))
        elif token in bar.tokens:
            bar.report(token, lsp.WorkDoneProgressReport(message=message, percentage=percent))

    def _begin_bar(self, token: str, _: None) -> None:
        if token == self._bar:  # still loading
            begin = lsp.WorkDoneProgressBegin(title="Lory", percentage=0)
            self.work_done_progress.begin(token, begin)

    def take(self, body: bytes) -> None:
        """Handle one message; what cannot be read is refused."""
        try:
            data = json.loads(body)
            message = self.protocol.structure_message(data) if isinstance(data, dict) else data
            self.protocol.handle_message(message)
        except BrokenPipeError:
            raise
        except Exception as exc:
            self._report_server_error(exc, JsonRpcException)

    def report_server_error(self, error: Exception, source: type[Exception]) -> None:
        """One line in the log for what pygls could not handle; the client has its own answer."""
        if not self.protocol.refuse_unreadable(error):
            log.error("%s", one_line(error), exc_info=error)
            if source is not FeatureRequestError:
                self._show_error(one_line(error))


def initialize(ls: LoryServer, params: lsp.InitializeParams) -> None:
    """Take the client's encoding, folders and options."""
    session = ls.session
    session.documents.encoding = Encoding(
        lsp.PositionEncodingKind(ls.workspace.position_encoding).value
    )
    folders = [folder.uri for folder in params.workspace_folders or ()]
    session.folders = folders or ([params.root_uri] if params.root_uri else [])
    session.begin(params.initialization_options)


async def initialized(ls: LoryServer, _: lsp.InitializedParams) -> None:
    """Fetch the settings, and load the model in the background."""
    ls.loop = asyncio.get_running_loop()
    workspace = ls.client_capabilities.workspace
    wanted = (
        (workspace and workspace.did_change_configuration, CONFIGURATION_CHANGES),
        (workspace and workspace.did_change_watched_files, FILE_CHANGES),
    )
    registrations = [news for able, news in wanted if able and able.dynamic_registration]
    if registrations:
        ls.client_register_capability(lsp.RegistrationParams(registrations))
    await pull_settings(ls, None)


async def pull_settings(ls: LoryServer, pushed: Any) -> None:
    """Take the client's settings: what it answers when asked, or else what it has sent."""
    workspace = ls.client_capabilities.workspace
    configuration = pushed.get(SECTION) if isinstance(pushed, dict) else None
    if workspace and workspace.configuration:
        item = lsp.ConfigurationParams([lsp.ConfigurationItem(section=SECTION)])
        asked = asyncio.ensure_future(ls.workspace_configuration_async(item))
        if not (await asyncio.wait([asked], timeout=PATIENCE_FOR_SETTINGS))[0]:
            log.warning("the client gives no settings yet; the model loads, requests wait")
            ls.session.configure(configuration)
        try:
            configuration = next(iter(await asked), None)
        except Exception as exc:  # an error answer
            log.warning("the client gives no settings: %s", one_line(exc))
    ls.session.configure(configuration)
    ls.session.serve()


async def did_change_configuration(
    ls: LoryServer, params: lsp.DidChangeConfigurationParams
) -> None:
    """Take changed settings, without a restart."""
    await pull_settings(ls, params.settings)


def did_change_folders(ls: LoryServer, params: lsp.DidChangeWorkspaceFoldersParams) -> None:
    """Take the workspace's new folders."""
    gone = {folder.uri for folder in params.event.removed}
    kept = [uri for uri in ls.session.folders if uri not in gone]
    ls.session.take_folders([*kept, *(folder.uri for folder in params.event.added)])


def did_change_files(ls: LoryServer, params: lsp.DidChangeWatchedFilesParams) -> None:
    """Read files again that other programs have changed."""
    ls.session.touch(change.uri for change in params.changes)


def did_open(ls: LoryServer, params: lsp.DidOpenTextDocumentParams) -> None:
    """Read a document, if it may be read."""
    document = params.text_document
    ls.session.open(document.uri, document.language_id, document.text)


def did_change(ls: LoryServer, params: lsp.DidChangeTextDocumentParams) -> None:
    """Apply edits in their order."""
    ls.session.edit(params.text_document.uri, map(edit_from, params.content_changes))


def did_save(ls: LoryServer, params: lsp.DidSaveTextDocumentParams) -> None:
    """Read a document that settings kept unread until now."""
    ls.session.save(params.text_document.uri, params.text)


def did_close(ls: LoryServer, params: lsp.DidCloseTextDocumentParams) -> None:
    """Forget a document."""
    ls.session.close(params.text_document.uri)


async def inline_completion(
    ls: LoryServer, params: lsp.InlineCompletionParams
) -> lsp.InlineCompletionList | None:
    """Ghost text; null only where a later request superseded this one."""
    uri, position = params.text_document.uri, position_from(params.position)
    selection = selection_from(params.context.selected_completion_info)
    invoked = params.context.trigger_kind == lsp.InlineCompletionTriggerKind.Invoked
    # before the first await: the text may change after it
    place = ls.session.inline_place(uri, position, selection, invoked=invoked)
    if place is None:
        return lsp.InlineCompletionList(items=[])
    candidates = await ls.session.complete(place.cursor)
    return None if candidates is None else inline_list(candidates, place)


async def completion(ls: LoryServer, params: lsp.CompletionParams) -> lsp.CompletionList | None:
    """Entries for the completion menu, for clients without ghost text."""
    if not menu_wanted(ls):
        return lsp.CompletionList(is_incomplete=False, items=[])
    position = position_from(params.position)
    place = ls.session.menu_place(params.text_document.uri, position)  # before the first await
    if place is None:
        return lsp.CompletionList(is_incomplete=False, items=[])
    candidates = await ls.session.complete(place.cursor)
    return None if candidates is None else menu_list(candidates, place)


def statistics(ls: LoryServer, _: Any) -> dict[str, Any]:
    """Counters since the start, as the docstrings of `counters.py` say; nothing of any text."""
    return ls.session.completer.statistics()


def shutdown(ls: LoryServer, _: None) -> None:
    """Stop the engine; pygls cancels what is pending."""
    ls.session.end()


def menu_wanted(ls: LoryServer) -> bool:
    """Whether suggestions enter the menu: by the setting, or where there is no ghost text."""
    mode, document = ls.session.settings.menu, ls.client_capabilities.text_document
    if mode is MenuMode.AUTO:
        return document is None or document.inline_completion is None
    return mode is MenuMode.ON


FEATURES: tuple[tuple[str, Callable[..., Any], Any], ...] = (
    (lsp.INITIALIZE, initialize, None),
    (lsp.INITIALIZED, initialized, None),
    (lsp.SHUTDOWN, shutdown, None),
    (lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, did_change_configuration, None),
    (lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, did_change_folders, None),
    (lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, did_change_files, None),
    (lsp.TEXT_DOCUMENT_DID_OPEN, did_open, None),
    (lsp.TEXT_DOCUMENT_DID_CHANGE, did_change, None),
    (lsp.TEXT_DOCUMENT_DID_SAVE, did_save, lsp.SaveOptions(include_text=True)),
    (lsp.TEXT_DOCUMENT_DID_CLOSE, did_close, None),
    # pygls announces ghost text only where options are given
    (lsp.TEXT_DOCUMENT_INLINE_COMPLETION, inline_completion, lsp.InlineCompletionOptions()),
    (lsp.TEXT_DOCUMENT_COMPLETION, completion, lsp.CompletionOptions(trigger_characters=TRIGGERS)),
    (STATISTICS, statistics, None),
)
OWN_DOCUMENTS = (
    *(lsp.TEXT_DOCUMENT_DID_OPEN, lsp.TEXT_DOCUMENT_DID_CHANGE, lsp.TEXT_DOCUMENT_DID_CLOSE),
    *(lsp.NOTEBOOK_DOCUMENT_DID_OPEN, lsp.NOTEBOOK_DOCUMENT_DID_CHANGE),
    lsp.NOTEBOOK_DOCUMENT_DID_CLOSE,
)
"""What pygls would keep too, also texts that may not be read."""


def create_server() -> LoryServer:
    """A server that has not begun to read."""
    server = LoryServer()
    for method in OWN_DOCUMENTS:
        server.protocol.fm.builtin_features.pop(method, None)
    for method, handler, options in FEATURES:
        server.feature(method, options)(handler)
    return server
