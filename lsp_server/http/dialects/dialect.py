"""What a dialect is: the routes that it answers, and how it words a refusal.

Entry points of the group `lory.dialects` name an instance each.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from lsp_server.http.people.register import Person
from lsp_server.http.refusal import Refusal, kind_of
from lsp_server.http.service import Service

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that has passed the guard."""

    service: Service
    person: Person
    body: Body
    """{} where the request has none."""
    query: Mapping[str, str]
    session: str
    """What the client calls its session in the header x-session-id; "" where it does not."""
    id: str
    """Of the request, as the answer and the log name it."""


RouteHandler = Callable[[Call], Awaitable[Response]]


def any_body(body: Body) -> bool:
    """Every body is meant for this route."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path of a dialect."""

    method: str
    path: str
    answer: RouteHandler
    accepts: Callable[[Body], bool] = any_body
    """Whether a body is meant for this dialect, where several have the path."""
    is_public: bool = False
    """Whether it is answered without a key; it may tell nothing but whether the service is up."""
    is_admin: bool = False
    """Whether the key must be an administrator's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one family of clients speaks."""

    name: str
    routes: Sequence[Route]
    tell_refusal: Callable[[Refusal], Body] = field(default=lambda refusal: openai_error(refusal))
    """The body of an answer other than 200."""


def openai_error(refusal: Refusal) -> Body:
    """An error as OpenAI and llama.cpp word it; `detail` is what llm-ls reads."""
    error = {
        "code": refusal.status,
        "message": refusal.message,
        "type": kind_of(refusal.status),
        "param": refusal.parameter or None,
    }
    place = ["body", refusal.parameter] if refusal.parameter else ["body"]
    detail = {"loc": place, "msg": refusal.message, "type": kind_of(refusal.status)}
    return {"error": error, "detail": [detail]}


def string_error(refusal: Refusal) -> Body:
    """An error as Ollama words it."""
    return {"error": refusal.message}


def compact(value: Any) -> str:
    """JSON on one line without spaces: llama.vim drops `"content": "x"` because of the space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def json_reply(value: Any, status: int = 200) -> Response:
    """An answer of JSON."""
    return Response(compact(value), status, media_type="application/json")


def events_reply(values: Sequence[Any], *, done: bool) -> Response:
    """Server-sent events, one for each value; `done` adds the end mark that OpenAI has.

    Some clients cut events at every `data:`, so within JSON it is written otherwise.
    """
    lines = [compact(value).replace("data:", "d\\u0061ta:") for value in values]
    lines += ["[DONE]"] if done else []
    text = "".join(f"data: {line}\n\n" for line in lines)
    return Response(text, media_type="text/event-stream", headers={"cache-control": "no-store"})


def lines_reply(values: Sequence[Any]) -> Response:
    """A line of JSON for each value."""
    text = "".join(f"{compact(value)}\n" for value in values)
    return Response(text, media_type="application/x-ndjson")
