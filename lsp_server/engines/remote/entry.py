"""Opens the engine `remote`, whose libraries are an extra: who does without it pays nothing."""

import os
from typing import Any

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.engines import Engine
from lsp_server.engines.remote.keys import URL_VARIABLE
from lsp_server.engines.remote.options import RemoteOptions
from lsp_server.errors import EngineError

KEYS = ("key", "api_key", "token", "password")
"""What people might call a key."""


def create(bundle: Bundle | None, threads: int, **options: Any) -> Engine:
    """Entry point of the group `lory.engines`; what it takes is in `RemoteOptions`.

    Raises EngineError for options that are none, where the extra is not installed, and without a
    bundle, whose tokenizer and model are needed.
    """
    if bundle is None:
        raise EngineError("engine remote: expected a bundle, found none; set the bundle's folder")
    if any(name in options for name in KEYS):
        raise EngineError(
            "engine remote: expected no key among engine_options, found one; put it into the "
            "system's keyring or LORY_REMOTE_KEY, where no workspace's settings can read it"
        )
    if not options.get("url"):
        options = {**options, "url": os.environ.get(URL_VARIABLE, "")}
    chosen = RemoteOptions(**options)
    try:
        from lsp_server.engines.remote.engine import open_remote
    except ImportError as exc:
        raise EngineError(
            f"engine remote: expected its libraries, found {exc}; install lory-lsp[remote]"
        ) from exc
    return open_remote(bundle, threads, chosen)
