"""Plugins: takes entry points of installed distributions, gives what they name, built-ins too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from lsp_server.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DISTRIBUTION = "lory-lsp"
ENGINES, CONTEXTS, FILTERS = "lory.engines", "lory.contexts", "lory.filters"
FEEDBACK = "lory.feedback"
GROUPS = (ENGINES, CONTEXTS, FILTERS, FEEDBACK)


@dataclass(frozen=True, slots=True)
class Plugin:
    """An entry point of one of Lory's groups, not loaded."""

    name: str
    group: str
    distribution: str
    version: str
    entry_point: "EntryPoint"

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
                f"plugin {self.name!r} of {self.distribution} {self.version}: expected "
                f"{self.entry_point.value} to load, found {type(exc).__name__}: {exc}; "
                "reinstall or remove it"
            ) from exc


@runtime_checkable
class Forgets(Protocol):
    """What engines and sinks must have if they keep texts that they were given.

    Contexts and filters that are classes are made anew instead.
    """

    def forget(self) -> None:
        """Keep none of them, and write none: some may not be read any more."""
        ...


def list_plugins(groups: Sequence[str] = GROUPS) -> list[Plugin]:
    """Every installed plugin, by group, the built-in ones of a group first."""
    from importlib.metadata import entry_points  # slow to import, and an editor waits for us

    installed = entry_points()
    found = [describe(point) for group in groups for point in installed.select(group=group)]
    return sorted(found, key=lambda plugin: (plugin.group, not plugin.built_in, plugin.name))


def describe(point: "EntryPoint") -> Plugin:
    """An entry point with the distribution that brings it."""
    name = point.dist.name if point.dist else "?"
    version = point.dist.version if point.dist else "?"
    return Plugin(point.name, point.group, name, version, point)


def find_plugin(
    installed: Iterable[Plugin], group: str, name: str, *, trusted: bool = True
) -> Plugin:
    """The plugin of a name; a built-in one is never shadowed, and alone is known if not `trusted`.

    Raises PluginError where there is none.
    """
    known = [plugin for plugin in installed if plugin.group == group]
    known = [plugin for plugin in known if trusted or plugin.built_in]
    for plugin in known:
        if plugin.name == name:
            return plugin
    names = ", ".join(plugin.name for plugin in known) or "none: install lory-lsp with pip"
    raise PluginError(f"{group}: expected one of {names}; found {name!r}; see: lory plugins")
