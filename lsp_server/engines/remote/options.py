"""What the engine `remote` is told: which service, how it is asked, how long it may take."""

import ipaddress
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import SplitResult, urlsplit

from lsp_server.contract.bundles.fim_families import FAMILIES
from lsp_server.errors import EngineError

APIS = ("openai", "llama.cpp", "ollama", "lory")
PLAIN, SUFFIX, INFILL = "plain", "suffix", "infill"
PROMPTS = {
    "openai": PLAIN,
    "llama.cpp": INFILL,
    "ollama": SUFFIX,
    "lory": SUFFIX,
}
"""How each is asked unless `prompt` says otherwise."""
PATIENCE_MS = {"lory": 150}
PATIENCE_OF_OTHERS_MS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOptions:
    """The setting `engine_options` of the engine `remote`."""

    url: str = ""
    """Of the service, such as `http://127.0.0.1:8080`; else the variable LORY_REMOTE_URL."""
    api: str = "openai"
    """`openai` (vLLM, LM Studio, any other `/v1/completions`), `llama.cpp`, `ollama` or `lory`."""
    model: str = ""
    """As the service calls it; an answer by another one is not taken."""
    prompt: str = ""
    """`plain` (the prefix alone), `suffix` (a field of its own), `infill` (llama.cpp's), or a
    family whose marks are written: qwen, starcoder, codestral and so on; "" by `api`."""
    patience_ms: int = 0
    """Until the first text, before the local bundle completes; 0 for 150 of `lory`, else 2,000."""
    seconds: float = 10.0
    """For a whole suggestion at most."""
    stand_in: bool = True
    """Whether the local bundle completes while the service does not."""
    context: int = 2_048
    """Tokens that the service's model reads at most; three characters are taken for one."""
    insecure: bool = False
    """Send text over http to another machine, where anybody on the way can read it."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if not isinstance(value, kind) and not (kind is float and type(value) is int):
                refuse(field.name, f"a {kind.__name__}", value)
        if self.api not in APIS:
            refuse("api", f"one of {', '.join(APIS)}", self.api)
        if self.prompt and self.prompt not in (PLAIN, SUFFIX, INFILL, *FAMILIES):
            known = ", ".join((PLAIN, SUFFIX, INFILL, *FAMILIES))
            refuse("prompt", f"one of {known}", self.prompt)
        if self.prompt == INFILL and self.api != "llama.cpp":
            refuse("prompt", f"another than infill, which {self.api} does not have", self.prompt)
        for name, low, high in (
            ("patience_ms", 0, 60_000),
            ("seconds", 0.1, 120.0),
            ("context", 64, 131_072),
        ):
            if not low <= getattr(self, name) <= high:
                refuse(name, f"{low} to {high}", getattr(self, name))
        if self.api in ("openai", "ollama") and not self.model:
            refuse("model", "the name that the service knows it by", self.model)
        check_address(self)

    @property
    def address(self) -> SplitResult:
        """The parts of the URL."""
        return urlsplit(self.url.rstrip("/"))

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a key is kept for."""
        return f"{self.address.scheme}://{self.address.netloc}"

    @property
    def way(self) -> str:
        """How it is asked."""
        return self.prompt or PROMPTS[self.api]

    @property
    def patience(self) -> float:
        """Seconds until the first text."""
        own = self.patience_ms or PATIENCE_MS.get(self.api, PATIENCE_OF_OTHERS_MS)
        return own / 1e3


def check_address(options: RemoteOptions) -> None:
    """Raise EngineError for what is no URL, holds a password, or would send text readably."""
    try:
        address, _ = options.address, options.address.port
    except ValueError as exc:
        refuse("url", "an address such as http://127.0.0.1:8080", f"{options.url!r}: {exc}")
    if address.scheme not in ("http", "https") or not address.hostname:
        refuse("url", "an address such as http://127.0.0.1:8080", options.url)
    if address.username or address.password or address.query or address.fragment:
        refuse("url", "no name, password or query in it", "some")
    host = address.hostname or ""
    if address.scheme == "http" and not is_here(host) and not options.insecure:
        refuse("url", "https, as text can be read on the way (or insecure: true)", options.url)


def is_here(host: str) -> bool:
    """Whether a host is this machine, by its name alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse(name: str, expected: str, found: Any) -> None:
    """Raise EngineError for one option."""
    raise EngineError(
        f"engine remote, option {name!r}: expected {expected}, found {found!r}; "
        "change engine_options"
    )
