"""How many threads of the processor a model is worth."""

import os

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.settings import Settings

LARGE = 50_000_000
"""Parameters above which a second thread pays; a small model's steps are shorter than its waits."""


def threads_for(bundle: Bundle, settings: Settings) -> int:
    """Threads of the engine: those of the setting, or else as many as the model is worth."""
    if settings.threads:
        return settings.threads
    return 2 if bundle.manifest.parameters > LARGE and (os.cpu_count() or 1) > 1 else 1
