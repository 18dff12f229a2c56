"""Tabby's plugins and tabby-agent: segments of the file, and what became of completions."""

import os
import platform
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from lsp_server import __version__
from lsp_server.http.completion import Chunk, CompletionRequest
from lsp_server.http.dialects.dialect import Body, Call, Dialect, Route, json_reply
from lsp_server.http.dialects.fields import (
    LONGEST_CHUNK,
    chunks_of,
    list_of,
    name_of,
    object_of,
    sampling_of,
    text_of,
)
from lsp_server.http.refusal import Refusal

SNIPPETS = (
    "declarations",
    "relevant_snippets_from_recently_opened_files",
    "relevant_snippets_from_changed_files",
)
"""Lists of texts of other files; what says most comes last."""
SPOKEN_VERSION = "v0.30.0"
"""Of the Tabby whose answers these are; its plugins ask for a least one."""
EVENTS = frozenset(("view", "select", "dismiss"))
STANDARD = "standard"


def is_tabby(body: Body) -> bool:
    """Whether a body is Tabby's: OpenAI's clients ask by the same path."""
    return "segments" in body or "debug_options" in body


async def complete(call: Call) -> Response:
    """`POST /v1/completions` with segments."""
    body = call.body
    if body.get("mode", STANDARD) not in (STANDARD, None):
        return json_reply({"id": new_id(), "choices": [], "mode": STANDARD})
    segments = object_of(body, "segments")
    path = name_of(segments, "filepath")
    request = CompletionRequest(
        prefix=text_of(segments, "prefix", needed=True),
        suffix=text_of(segments, "suffix"),
        path=path,
        language=name_of(body, "language"),
        chunks=snippets_of(segments),
        document=call.session or path,
        **sampling_of(body),
    )
    found = await call.service.complete(call.person, request)
    choices = [{"index": number, "text": text.text} for number, text in enumerate(found.texts)]
    return json_reply({"id": new_id(), "choices": choices, "mode": STANDARD})


def snippets_of(segments: Body) -> tuple[Chunk, ...]:
    """Texts of other files, and of the clipboard."""
    lists = [chunks_of(list_of(segments, name), "body", "filepath") for name in SNIPPETS]
    clipboard = text_of(segments, "clipboard")[:LONGEST_CHUNK]
    own = (Chunk(clipboard),) if clipboard else ()
    return (*own, *(chunk for chunks in lists for chunk in chunks))


def new_id() -> str:
    """A completion's name, by which a client says what became of it."""
    return f"cmpl-{secrets.token_hex(12)}"


async def count_event(call: Call) -> Response:
    """`POST /v1/events`: counted, and forgotten."""
    kind = call.body.get("type")
    if kind not in EVENTS:
        raise Refusal(400, "Field 'type': expected view, select or dismiss", parameter="type")
    if kind == "select":
        call.service.day.of(call.person.name).accepted += 1
        call.service.measures.accepted.inc()
    return Response(status_code=200)


async def tell_health(call: Call) -> Response:
    """`GET` or `POST /v1/health`: tabby-agent completes only where `model` says something."""
    facts = call.service.facts
    health: Mapping[str, Any] = {
        "status": "ok",
        "model": facts.name,
        "device": "cpu",
        "arch": platform.machine(),
        "cpu_info": "",
        "cpu_count": os.cpu_count() or 1,
        "cuda_devices": [],
        "version": {
            "build_date": "",
            "build_timestamp": "",
            "git_sha": __version__,
            "git_describe": SPOKEN_VERSION,
        },
    }
    return json_reply(health)


async def tell_settings(call: Call) -> Response:
    """`GET /v1beta/server_setting`: the client is to send nothing anywhere."""
    return json_reply({"disable_client_side_telemetry": True})


DIALECT = Dialect(
    name="tabby",
    routes=(
        Route(method="POST", path="/v1/completions", answer=complete, accepts=is_tabby),
        Route(method="POST", path="/v1/events", answer=count_event),
        Route(method="GET", path="/v1/health", answer=tell_health),
        Route(method="POST", path="/v1/health", answer=tell_health),
        Route(method="GET", path="/v1beta/server_setting", answer=tell_settings),
    ),
)
