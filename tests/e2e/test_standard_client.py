"""A client that others wrote: pytest-lsp checks every message of a session against LSP's types."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

COMMAND = [sys.executable, "-m", "lsp_server", "lsp"]


@pytest_lsp.fixture(  # type: ignore[untyped-decorator]
    params=["neovim", "visual_studio_code", "emacs"],
    config=ClientServerConfig(server_command=COMMAND),
)
async def client(
    request: pytest.FixtureRequest, lsp_client: LanguageClient, script_bundle: Path, tmp_path: Path
) -> AsyncIterator[None]:
    """A session as an editor begins and ends it."""
    script = tmp_path / "rules.json"
    script.write_text(json.dumps([{"after": "ret", "completion": "urn a + b"}]))
    options = {
        "bundle": str(script_bundle),
        "engine": "scripted",
        "engine_options": {"script": str(script)},
        "menu": "on",
    }
    folder = lsp.WorkspaceFolder(uri=tmp_path.as_uri(), name="w")
    params = lsp.InitializeParams(
        capabilities=client_capabilities(request.param),
        workspace_folders=[folder],
        initialization_options=options,
    )
    lsp_client.feature(lsp.CLIENT_REGISTER_CAPABILITY)(accept)
    await lsp_client.initialize_session(params)
    yield
    await lsp_client.shutdown_session()


def accept(params: lsp.RegistrationParams) -> None:
    """Register nothing, as pytest-lsp's client knows no registrations."""


@pytest.mark.asyncio
async def test_a_session_is_all_messages_of_the_protocol(client: LanguageClient) -> None:
    item = lsp.TextDocumentItem("file:///a.py", "python", 1, "def add(a, b):\n    ret")
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
    document = lsp.TextDocumentIdentifier("file:///a.py")
    place = lsp.Position(1, 7)
    automatic = lsp.InlineCompletionContext(lsp.InlineCompletionTriggerKind.Automatic)
    ghost = await client.text_document_inline_completion_async(
        lsp.InlineCompletionParams(context=automatic, text_document=document, position=place)
    )
    assert isinstance(ghost, lsp.InlineCompletionList)
    assert ghost.items[0].insert_text == "urn a + b"
    menu = await client.text_document_completion_async(
        lsp.CompletionParams(text_document=document, position=place)
    )
    assert isinstance(menu, lsp.CompletionList)
    assert menu.items[0].label == "return a + b"
    client.text_document_did_close(lsp.DidCloseTextDocumentParams(document))
