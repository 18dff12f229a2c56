"""Runs plugins: takes a plugin's call, gives its result, or another once the plugin has raised."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lsp_server.errors import LoryError, PluginError
from lsp_server.plugins import Plugin, find_plugin

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
