"""Finds plugins by entry point, and switches off those that fail."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from lsp_server.errors import LoryError, PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DISTRIBUTION = "lory-lsp"
ENGINES, CONTEXTS, FILTERS = "lory.engines", "lory.contexts", "lory.filters"
FEEDBACK, DIALECTS, ADAPTERS = "lory.feedback", "lory.dialects", "lory.adapters"
GROUPS = (ENGINES, CONTEXTS, FILTERS, FEEDBACK, DIALECTS, ADAPTERS)


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


Result = TypeVar("Result")

Report = Callable[[str], None]
"""Shows one line in the editor; from any thread."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ActivePlugin:
    """A plugin and what its entry point names."""

    plugin: Plugin
    function: Callable[..., Any]


def begin(plugin: Plugin) -> Callable[..., Any]:
    """What a plugin's entry point names; of a class an instance, which may keep what it finds.

    Raises PluginError where that fails.
    """
    found: Callable[..., Any] = plugin.load()
    if not isinstance(found, type):
        return found
    try:
        made: Callable[..., Any] = found()
    except Exception as exc:  # whatever the class raises is the plugin's fault
        raise PluginError(
            f"plugin {plugin.name!r} of {plugin.distribution} {plugin.version}: expected "
            f"{plugin.entry_point.value} to start, found {type(exc).__name__}: {exc}; "
            "reinstall or remove it"
        ) from exc
    return made


class PluginGuard:
    """Turns a plugin that raises off until restart, and reports it once."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._reported: set[str] = set()
        self._off: dict[tuple[str, str], str] = {}

    def activate(
        self, installed: Sequence[Plugin], group: str, names: Iterable[str], *, trusted: bool
    ) -> tuple[ActivePlugin, ...]:
        """The plugins of `names`, in that order, without those that are missing or do not load."""
        active: list[ActivePlugin] = []
        for name in names:
            try:
                plugin = find_plugin(installed, group, name, trusted=trusted)
                active.append(ActivePlugin(plugin, begin(plugin)))
            except PluginError as exc:
                self.report_once(str(exc))
        return tuple(active)

    def renew(self, active: Iterable[ActivePlugin]) -> tuple[ActivePlugin, ...]:
        """The same plugins without what they keep: of a class another instance."""
        renewed: list[ActivePlugin] = []
        for each in active:
            try:
                renewed.append(ActivePlugin(each.plugin, begin(each.plugin)))
            except PluginError as exc:
                self.report_once(str(exc))
        return tuple(renewed)

    def run(self, active: ActivePlugin, kind: Any, otherwise: Result, *arguments: object) -> Result:
        """What the plugin gives, an instance of `kind`; `otherwise` if it is off or fails."""
        plugin = active.plugin
        if (plugin.group, plugin.name) in self._off:
            return otherwise
        try:
            result: Result = active.function(*arguments)
            if not isinstance(result, kind):
                raise TypeError(f"expected {kind}, found {type(result).__name__}")
        except BaseException as exc:  # SystemExit, a panic
            if isinstance(exc, KeyboardInterrupt):
                raise
            log.exception("plugin %s of %s", plugin.name, plugin.group)
            fault = (
                f"plugin {plugin.name!r} of {plugin.distribution} {plugin.version} raised "
                f"{type(exc).__name__}: {exc}; it is off until restart"
            )
            self._off[plugin.group, plugin.name] = fault
            self.report_once(fault)
            return otherwise
        return result

    def fault(self, active: ActivePlugin) -> str:
        """Why a plugin is off; "" where it runs."""
        return self._off.get((active.plugin.group, active.plugin.name), "")

    def report_once(self, message: str) -> None:
        """Show a line in the editor, unless it has been shown."""
        if message not in self._reported:
            self._reported.add(message)
            self._report(message)

    def forget_reports(self) -> None:
        """Let lines be shown again: something was changed to mend them."""
        self._reported.clear()


def one_line(error: BaseException) -> str:
    """An error as one line: Lory's own message, or the kind and message of another."""
    if isinstance(error, LoryError):
        return str(error)
    return f"{type(error).__name__}: {error}".splitlines()[0]
