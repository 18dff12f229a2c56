"""Keeps web pages out: one that somebody visits could else ask the service on their machine."""

from collections.abc import Mapping, Sequence

from lsp_server.engines.remote.options import is_here
from lsp_server.http.refusal import Refusal

EDITOR_PAGES = ("vscode-webview://",)
"""Origins of pages that are part of an editor."""
OWN_SITES = frozenset(("same-origin", "none"))
JSON = "application/json"


def refuse_pages(method: str, headers: Mapping[str, str], origins: Sequence[str]) -> None:
    """Refusal 403 for a page that is not allowed, 415 for what a browser sends unasked."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and not is_allowed(origin, origins):
        raise Refusal(403, "Origin not allowed")
    if origin is None and site is not None and site not in OWN_SITES:
        raise Refusal(403, "Origin not allowed")
    is_page = origin is not None or site is not None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method == "POST" and is_page and kind != JSON:
        raise Refusal(415, "Expected content-type application/json")


def is_allowed(origin: str, origins: Sequence[str]) -> bool:
    """Whether a page of this origin may ask."""
    return origin in origins or origin.startswith(EDITOR_PAGES)


def refuse_foreign_host(host: str, allowed: Sequence[str]) -> None:
    """Refusal 403 where a request is for another host than this machine: a page whose name an
    attacker has turned to this machine's address asks so.
    """
    name = host_of(host)
    if name is None or not (is_own(name) or name in allowed):
        raise Refusal(403, "Host not allowed")


def host_of(header: str) -> str | None:
    """The host of a header, without port and without the dot at its end; None for nonsense."""
    value = header.strip().lower()
    if value.startswith("["):
        name, closed, rest = value[1:].partition("]")
        port = rest.removeprefix(":")
        return name if closed and (not rest or rest[0] == ":") and is_port(port) else None
    name, _, port = value.partition(":")
    return name.removesuffix(".") if name and is_port(port) else None


def is_port(text: str) -> bool:
    """Whether a text is a port's number, or none."""
    return not text or (text.isascii() and text.isdecimal() and len(text) <= 5)


def is_own(name: str) -> bool:
    """Whether a name always stands for this machine; 0.0.0.0 is what Twinny asks for."""
    own = is_here(name) or name.endswith(".localhost")
    return own or name == "0.0.0.0"  # noqa: S104 - compared, not listened on
