"""From `initialize` to `shutdown`: takes what the client says of itself and of its workspace."""

import asyncio
import logging
from typing import Any

from lsprotocol import types as lsp

from lsp_server.documents import Encoding
from lsp_server.language_server import LoryServer
from lsp_server.plugin_guard import one_line
from lsp_server.project.walk import SUFFIXES
from lsp_server.settings import SECTION

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


def initialize(ls: LoryServer, params: lsp.InitializeParams) -> None:
    """Take the client's encoding, folders and options."""
    session = ls.session
    session.documents.encoding = Encoding(
        lsp.PositionEncodingKind(ls.workspace.position_encoding).value
    )
    folders = [folder.uri for folder in params.workspace_folders or ()]
    session.folders = folders or ([params.root_uri] if params.root_uri else [])
    session.begin(params.initialization_options)


def initialized(ls: LoryServer, _: lsp.InitializedParams) -> None:
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
    """Ask for the settings; what was sent holds where there is no answer."""
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


def did_change_configuration(ls: LoryServer, params: lsp.DidChangeConfigurationParams) -> None:
    """Take changed settings, without a restart."""
    take_settings(ls, params.settings)


def did_change_folders(ls: LoryServer, params: lsp.DidChangeWorkspaceFoldersParams) -> None:
    """Take the workspace's new folders."""
    gone = {folder.uri for folder in params.event.removed}
    kept = [uri for uri in ls.session.folders if uri not in gone]
    ls.session.take_folders([*kept, *(folder.uri for folder in params.event.added)])


def did_change_files(ls: LoryServer, params: lsp.DidChangeWatchedFilesParams) -> None:
    """Read files again that other programs have changed."""
    ls.session.touch(change.uri for change in params.changes)


def shutdown(ls: LoryServer, _: None) -> None:
    """Stop the engine; pygls cancels what is pending."""
    ls.session.end()
