"""What can be told of a message before the protocol's library has read it, broken ones too."""

from typing import Any

VERSION = "2.0"
EXIT = "exit"
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
    """Whether it is a message by its version and the kind of its method; or an answer."""
    if not isinstance(data, dict) or data.get("jsonrpc") != VERSION:
        return False
    return "method" not in data or isinstance(data["method"], str)


def without_answer(data: dict[str, Any]) -> dict[str, Any]:
    """A message that has a method is none that answers, whatever else it has."""
    if "method" not in data:
        return data
    return {key: value for key, value in data.items() if key not in ("result", "error")}


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
