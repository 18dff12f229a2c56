"""Plugins: takes entry points of installed distributions, gives what they name, built-ins too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from lsp_server.errors import PluginError

DISTRIBUTION = "lory"
GROUPS = ("lory.engines", "lory.contexts", "lory.filters", "lory.feedback")


@dataclass(frozen=True, slots=True)
class Plugin:
    """An entry point of one of Lory's groups, not loaded."""

    name: str
    group: str
    distribution: str
    version: str
    entry_point: EntryPoint

    @property
    def built_in(self) -> bool:
        """Whether it comes with Lory."""
        return self.distribution == DISTRIBUTION

    def load(self) -> Any:
        """Import what the entry point names; PluginError where that fails."""
        try:
            return self.entry_point.load()
        except Exception as exc:  # whatever the import raises is the plugin's fault
            raise PluginError(
                f"plugin {self.name!r} of {self.distribution} {self.version} cannot be loaded: "
                f"{type(exc).__name__}: {exc}; reinstall or remove it"
            ) from exc


def list_plugins(groups: Sequence[str] = GROUPS) -> list[Plugin]:
    """Every installed plugin, by group, the built-in ones of a group first."""
    found = [describe(point) for group in groups for point in entry_points(group=group)]
    return sorted(found, key=lambda plugin: (plugin.group, not plugin.built_in, plugin.name))


def describe(point: EntryPoint) -> Plugin:
    """An entry point with the distribution that brings it."""
    name = point.dist.name if point.dist else "?"
    version = point.dist.version if point.dist else "?"
    return Plugin(point.name, point.group, name, version, point)


def find_plugins(group: str, names: Iterable[str], *, trusted: bool) -> list[Plugin]:
    """The plugins of a group by name, in the order of `names`; a built-in one is never shadowed.

    Raises PluginError for an unknown name. Where the workspace is not trusted, only built-in ones
    are known.
    """
    known = {
        plugin.name: plugin
        for plugin in reversed(list_plugins([group]))
        if trusted or plugin.built_in
    }
    missing = [name for name in names if name not in known]
    if missing:
        installed = ", ".join(sorted(known)) or "none"
        raise PluginError(
            f"{group}: expected one of {installed}, found {missing[0]!r}; see: lory plugins"
        )
    return [known[name] for name in names]
