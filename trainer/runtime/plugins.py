"""Builds plugins from their names and options."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from trainer.errors import TrainerError


@dataclass(frozen=True, slots=True)
class PluginGroup:
    """One of the trainer's groups of entry points."""

    name: str
    """As `lory.sources`."""
    kind: str
    """What one of them is called in a message."""
    error: type[TrainerError]

    def build(self, plugin: str, options: Mapping[str, Any]) -> Any:
        """What the plugin gives for the options; else the group's error, with what is known."""
        found = {entry.name: entry for entry in entry_points(group=self.name)}
        if plugin not in found:
            known = ", ".join(sorted(found)) or "none is installed"
            raise self.error(f"unknown {self.kind} {plugin}; known: {known}")
        try:
            make: Callable[..., Any] = found[plugin].load()
        except Exception as exc:  # whatever its import raises is the plugin's fault
            raise self.error(
                f"{self.kind} {plugin}: expected {found[plugin].value} to load, found "
                f"{type(exc).__name__}: {exc}; reinstall or remove it"
            ) from exc
        try:
            inspect.signature(make).bind(**options)
        except TypeError as exc:
            known = ", ".join(inspect.signature(make).parameters)
            raise self.error(f"{self.kind} {plugin}: {exc}; its options: {known}") from exc
        try:
            return make(**options)
        except TrainerError:
            raise
        except Exception as exc:
            raise self.error(f"{self.kind} {plugin}: raised {type(exc).__name__}: {exc}") from exc
