"""Looks into messages before the protocol library reads them."""

from typing import Any

VERSION = "2.0"
EXIT, INITIALIZED = "exit", "initialized"
DEEPEST = 100
"""Levels of a message; the protocol's own have a dozen."""


def decode_body(body: bytes) -> str:
    """A message's text; a byte that is no UTF-8 is one strange character, and nothing is lost."""
    try:
        return body.decode("utf-8-sig", "surrogatepass")
    except UnicodeDecodeError:
        return body.decode("utf-8-sig", "replace")


def says_goodbye(data: Any) -> bool:
    """Whether a message is the last one that a client sends, well-formed or not."""
    return isinstance(data, dict) and data.get("method") == EXIT


def is_envelope(data: Any) -> bool:
    """Whether it is a message, by its version and the kinds of method and id; or an answer."""
    if not isinstance(data, dict) or data.get("jsonrpc") != VERSION:
        return False
    if "method" not in data:
        return True
    return isinstance(data["method"], str) and ("id" not in data or id_of(data) is not None)


def completed(data: dict[str, Any]) -> dict[str, Any]:
    """A message as the library wants it: with a method it is no answer, and has parameters."""
    if "method" not in data:
        return data
    kept = {key: value for key, value in data.items() if key not in ("result", "error")}
    if data["method"] == INITIALIZED and not isinstance(data.get("params"), dict):
        return {**kept, "params": {}}  # it says nothing, and all else waits for it
    return {"params": None, **kept}


def id_of(data: Any) -> int | str | None:
    """The id of a request; None where there is none that an answer could carry."""
    number = data.get("id") if isinstance(data, dict) and "method" in data else None
    return number if isinstance(number, int | str) and not isinstance(number, bool) else None


def uri_of(data: dict[str, Any]) -> str | None:
    """Which document a message speaks of, as far as it can be read."""
    params = data.get("params")
    document = params.get("textDocument") if isinstance(params, dict) else None
    uri = document.get("uri") if isinstance(document, dict) else None
    return uri if isinstance(uri, str) else None


def is_too_deep(data: Any) -> bool:
    """Whether values are nested deeper than any message of the protocol."""
    level = [data]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True
