"""Handles the messages from `initialize` to `shutdown`."""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from threading import Thread
from typing import Any

from lsprotocol import types as lsp

from lsp_server.contract.languages.profiles import glob_of_sources
from lsp_server.documents.positions import Encoding
from lsp_server.documents.uris import can_be_file
from lsp_server.plugins import one_line
from lsp_server.protocol.client_process import wait_for_end
from lsp_server.protocol.pygls_server import LoryServer
from lsp_server.settings import SECTION

PATIENCE_FOR_SETTINGS = 2.0
"""Seconds that requests wait for a client to answer for its settings."""
NO_SETTINGS = "no answer that can be read"
"""In the place of settings; as it is no JSON object, what keeps text unread is at its strictest."""

CONFIGURATION_CHANGES = lsp.Registration(
    id=lsp.WORKSPACE_DID_CHANGE_CONFIGURATION,
    method=lsp.WORKSPACE_DID_CHANGE_CONFIGURATION,
    register_options={"section": SECTION},
)
FILE_CHANGES = lsp.Registration(
    id=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES,
    method=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES,
    register_options=lsp.DidChangeWatchedFilesRegistrationOptions(
        [lsp.FileSystemWatcher(glob_of_sources())]
    ),
)

log = logging.getLogger(__name__)


def initialize(ls: LoryServer, params: lsp.InitializeParams) -> None:
    """Take the client's encoding, folders, options, and the process to end with."""
    session = ls.session
    session.documents.encoding = Encoding(
        lsp.PositionEncodingKind(ls.workspace.position_encoding).value
    )
    folders = [folder.uri for folder in params.workspace_folders or ()]
    folders = folders or ([params.root_uri] if params.root_uri else [])
    session.take_folders(usable_folders(folders))
    session.begin(params.initialization_options)
    if params.process_id is not None:
        watch = partial(end_with, ls, params.process_id)
        Thread(target=watch, name="lory-client", daemon=True).start()


def end_with(ls: LoryServer, process: int) -> None:
    """End once the client's process has ended: a child of its may hold the pipe for ever."""
    try:
        wait_for_end(process)
    except ValueError as exc:
        log.warning("processId: %s", exc)
    else:
        log.warning("the editor's process %d has ended", process)
        ls.protocol.when_over()


def usable_folders(uris: Iterable[str]) -> list[str]:
    """The folders that can be folders; one line in the log for each other."""
    usable = []
    for uri in uris:
        if can_be_file(uri):
            usable.append(uri)
        else:
            log.warning("folder %r is left out: expected a path that the system can have", uri)
    return usable


def initialized(ls: LoryServer, _: lsp.InitializedParams) -> None:
    """Fetch the settings, and load the model in the background."""
    ls.loop = asyncio.get_running_loop()
    workspace = ls.client_capabilities.workspace
    wanted = (
        (workspace and workspace.did_change_configuration, CONFIGURATION_CHANGES),
        (workspace and workspace.did_change_watched_files, FILE_CHANGES),
    )
    files = workspace and workspace.did_change_watched_files
    ls.session.workspace.client_tells = bool(files and files.dynamic_registration)
    registrations = [news for able, news in wanted if able and able.dynamic_registration]
    if registrations:
        ls.client_register_capability(lsp.RegistrationParams(registrations))
    take_settings(ls, None)


def take_settings(ls: LoryServer, pushed: Any) -> None:
    """Take the client's settings: what it answers when asked, or else what it has sent.

    Sent ones hold before the next message is read: it may open what they allow.
    """
    configuration = pushed.get(SECTION) if isinstance(pushed, dict) else None
    workspace = ls.client_capabilities.workspace
    if workspace and workspace.configuration:
        ls.keep(asyncio.ensure_future(pull_settings(ls, configuration)))
    else:
        ls.session.configure(configuration)
        ls.session.serve()


async def pull_settings(ls: LoryServer, configuration: Any) -> None:
    """Ask for the settings; what was sent holds where there is no answer, or else nothing."""
    item = lsp.ConfigurationParams([lsp.ConfigurationItem(section=SECTION)])
    asked = asyncio.ensure_future(ls.workspace_configuration_async(item))
    asked.add_done_callback(lambda task: task.cancelled() or task.exception())  # at the end too
    if not (await asyncio.wait([asked], timeout=PATIENCE_FOR_SETTINGS))[0]:
        log.warning("the editor gives no settings; until it does, nothing is read or suggested")
        ls.session.settling.give_up()
    try:
        (configuration,) = await asked
    except Exception as exc:  # an error, or no list of one
        log.warning("the editor gives no settings: %s", one_line(exc))
        configuration = NO_SETTINGS if configuration is None else configuration
    ls.session.configure(configuration)
    ls.session.serve()


def did_change_configuration(ls: LoryServer, params: lsp.DidChangeConfigurationParams) -> None:
    """Take changed settings, without a restart."""
    take_settings(ls, params.settings)


def did_change_folders(ls: LoryServer, params: lsp.DidChangeWorkspaceFoldersParams) -> None:
    """Take the workspace's new folders."""
    gone = {folder.uri for folder in params.event.removed}
    kept = [uri for uri in ls.session.folders if uri not in gone]
    added = [folder.uri for folder in params.event.added]
    ls.session.take_folders([*kept, *usable_folders(added)])


def did_change_files(ls: LoryServer, params: lsp.DidChangeWatchedFilesParams) -> None:
    """Read files again that other programs have changed."""
    ls.session.workspace.touch(change.uri for change in params.changes)


def shutdown(ls: LoryServer, _: None) -> None:
    """Stop the engine; pygls cancels what is pending."""
    ls.session.end()
