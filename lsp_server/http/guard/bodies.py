"""Reads a request's body: so many bytes at most, one JSON object, nothing ambiguous in it."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from lsp_server.http.refusal import Refusal

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
NOT_JSON = "Expected a JSON object"
DEEPEST = 64
"""Objects and lists within one another."""


class HungUp(Exception):
    """The client is gone."""


async def read_body(headers: Mapping[str, str], receive: Receive, most: int) -> bytes:
    """The body's bytes. Refusal 413 where they are too many, as soon as that is known."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, "Expected a body that is not compressed")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 18 or int(length) > most:
        raise Refusal(413, "The body is too large")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > most:
            raise Refusal(413, "The body is too large")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def parse_body(content: bytes) -> Mapping[str, Any]:
    """The object that a body holds; {} for an empty one. Refusal 400 for anything else."""
    if not content.strip():
        return {}
    try:
        value = json.loads(
            content.decode(), parse_constant=refuse_constant, object_pairs_hook=unique
        )
        refuse_depth(value)
    except (ValueError, RecursionError) as exc:
        raise Refusal(400, NOT_JSON) from exc
    if not isinstance(value, dict):
        raise Refusal(400, NOT_JSON)
    return value


def refuse_constant(name: str) -> None:
    """NaN and Infinity are no JSON."""
    raise ValueError(name)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ: of two alike, readers take different ones."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def refuse_depth(value: Any) -> None:
    """ValueError where lists and objects stand too deep within one another."""
    level = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        if not inner:
            return
        level = inner
    raise ValueError("too deep")
