"""Handles requests: completions, explanations, statistics."""

from typing import Any

from lsprotocol import types as lsp

from lsp_server.completion.request_trace import Station
from lsp_server.protocol.lsp_types import (
    inline_list,
    menu_list,
    part,
    place_from,
    position_from,
    selection_from,
)
from lsp_server.protocol.pygls_server import LoryServer
from lsp_server.settings import MenuMode


async def inline_completion(
    ls: LoryServer, params: lsp.InlineCompletionParams
) -> lsp.InlineCompletionList | None:
    """Ghost text; null only where a later request superseded this one."""
    uri, position = params.text_document.uri, position_from(params.position)
    selection = selection_from(params.context.selected_completion_info)
    invoked = params.context.trigger_kind == lsp.InlineCompletionTriggerKind.Invoked
    # before the first await: the text may change after it
    place = ls.session.ghost_place(uri, position, selection, invoked=invoked)
    if place is None:
        return lsp.InlineCompletionList(items=[])
    answer = await ls.session.complete(place)
    return None if answer is None else inline_list(answer, place)


async def completion(ls: LoryServer, params: lsp.CompletionParams) -> lsp.CompletionList | None:
    """Entries for the completion menu, for clients without ghost text."""
    uri, position = params.text_document.uri, position_from(params.position)
    if not menu_wanted(ls):
        ls.session.turn_away(uri, position, no_menu(ls.session.settings.menu))
        return lsp.CompletionList(is_incomplete=False, items=[])
    place = ls.session.menu_place(uri, position)  # before the first await
    if place is None:
        return lsp.CompletionList(is_incomplete=False, items=[])
    answer = await ls.session.complete(place)
    return None if answer is None else menu_list(answer, place)


def cancelled_early(ls: LoryServer, params: Any) -> None:
    """A request was cancelled before its handler has begun."""
    asked = isinstance(params, lsp.InlineCompletionParams)
    if asked or (isinstance(params, lsp.CompletionParams) and menu_wanted(ls)):
        ls.session.turn_away(params.text_document.uri, position_from(params.position))


def statistics(ls: LoryServer, _: Any) -> dict[str, Any]:
    """Counters since the start, as the docstrings of `counters.py` say; nothing of any text."""
    return ls.session.completer.statistics()


async def explain(ls: LoryServer, params: Any) -> dict[str, Any]:
    """What became of a document's last request, as `Explanation.as_json` says.

    Not awaiting anything, it is a coroutine so that its turn comes after earlier requests began.
    """
    document, position = part(params, "textDocument"), part(params, "position")
    return ls.session.explain(*place_from(part(document, "uri"), position)).as_json()


async def explain_command(ls: LoryServer, *arguments: Any) -> dict[str, Any]:
    """The same by command, whose summary is shown too: its client may have no view for it."""
    uri, position, *_ = (*arguments, None, None)
    found = ls.session.explain(*place_from(uri, position))
    ls.tell(found.summary)
    return found.as_json()


async def accepted_command(ls: LoryServer, *arguments: Any) -> None:
    """A client says which suggestion was accepted, by the id that came with it."""
    suggestion, *_ = (*arguments, "")
    ls.session.feedback.accept(str(suggestion))


def menu_wanted(ls: LoryServer) -> bool:
    """Whether suggestions enter the menu: by the setting, or where there is no ghost text."""
    mode, document = ls.session.settings.menu, ls.client_capabilities.text_document
    if mode is MenuMode.AUTO:
        return document is None or document.inline_completion is None
    return mode is MenuMode.ON


def no_menu(mode: MenuMode) -> Station:
    """Why suggestions do not enter the menu."""
    detail = (
        f"menu {mode.value!r} keeps suggestions out of this editor's completion menu; "
        "set menu to 'on' to have them there"
    )
    return Station("menu", detail, passed=False)
