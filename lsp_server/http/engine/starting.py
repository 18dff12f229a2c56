"""What engine processes are told first, and the check of a bundle before they are."""

from collections.abc import Callable
from typing import Any

from lsp_server.completion.model.tryout import admit
from lsp_server.contract.bundles.bundle import load
from lsp_server.http.config import MEGABYTE, ServeConfig
from lsp_server.http.engine.link import EngineStart
from lsp_server.settings import Settings

FEWEST_SLOTS = 2


def check_bundle(config: ServeConfig, wanted: Callable[[], bool]) -> None:
    """Try the bundle out as far as that has not been done; LoryError where it fails.

    It takes its time, and ends early once `wanted` says so.
    """
    settings = config.judged
    admit(load(settings.bundle_folder), settings, wanted)


def engine_start(config: ServeConfig) -> EngineStart:
    """What each engine process is told: the settings, and its share of the cache.

    The bundle by its folder: one that starts again later opens the same, whatever is in use then.
    """
    settings = config.judged
    slots = slots_of(settings, config.cache_megabytes, config.engines)
    given = {**config.settings, "bundle": str(settings.bundle_folder), "project": False}
    given["threads"] = settings.threads or 1  # every core has an engine of its own already
    if settings.engine == "onnx":
        options = {"slots": slots, **settings.engine_options}
        given["engine_options"] = options
    return EngineStart(settings=given, documents=max(slots * 2, 64))


def slots_of(settings: Settings, megabytes: int, engines: int) -> int:
    """Prompts whose key-value caches an engine keeps within its share of so many megabytes."""
    inputs = load(settings.bundle_folder).manifest.engine.inputs
    size = sum(
        bytes_of(tensor.type, tensor.shape) for tensor in inputs if tensor.name.startswith("past_")
    )
    return max(FEWEST_SLOTS, megabytes * MEGABYTE // engines // size) if size else FEWEST_SLOTS


def bytes_of(kind: str, shape: tuple[Any, ...]) -> int:
    """Of a tensor's numbers, as onnxruntime names their type."""
    size = 2 if "16" in kind else 4
    for length in shape:
        size *= int(length)
    return size
