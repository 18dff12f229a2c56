"""Plugins by entry points: the built-in ones enter by the same door as others."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lsp_server.errors import PluginError
from lsp_server.plugins import CONTEXTS, ENGINES, FILTERS, PluginGuard, find_plugin, list_plugins
from lsp_server.settings import Settings

Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution `other` with these entry points."""
    info = tmp_path / "other-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.5\n")
    (tmp_path / "other_plugin.py").write_text(
        "calls = []\n"
        "def shout(candidate, context):\n    return candidate\n"
        "def fail(candidate, context):\n    calls.append(1)\n    raise ValueError('no\\nluck')\n"
        "def wrong(candidate, context):\n    return 'text'\n"
        "class Counter:\n"
        "    def __init__(self):\n        self.calls = 0\n"
        "    def __call__(self, candidate, context):\n"
        "        self.calls += 1\n        return self.calls\n"
        "class Broken:\n    def __init__(self):\n        raise OSError('no disk')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def install_with(entry_points: str) -> None:
        (info / "entry_points.txt").write_text(entry_points)

    yield install_with
    sys.modules.pop("other_plugin", None)


def test_every_plugin_that_the_settings_name_by_default_is_installed_and_loads() -> None:
    installed, settings = list_plugins(), Settings()
    names = {
        ENGINES: (settings.engine, "project"),
        CONTEXTS: settings.contexts,
        FILTERS: settings.filters,
    }
    for group, wanted in names.items():
        for name in wanted:
            plugin = find_plugin(installed, group, name, trusted=False)
            assert plugin.built_in
            assert callable(plugin.load())


def test_another_distributions_plugin_is_listed_with_its_version(install: Install) -> None:
    install("[lory.filters]\nshout = other_plugin:shout\n")
    plugin = find_plugin(list_plugins(), FILTERS, "shout")
    assert (plugin.distribution, plugin.version, plugin.built_in) == ("other", "1.5", False)
    assert plugin.load().__name__ == "shout"


def test_an_untrusted_workspace_knows_only_built_in_plugins(install: Install) -> None:
    install("[lory.filters]\nshout = other_plugin:shout\n")
    with pytest.raises(PluginError, match="expected one of blank, likely, repeats; found 'shout'"):
        find_plugin(list_plugins(), FILTERS, "shout", trusted=False)
    assert "other_plugin" not in sys.modules


def test_a_built_in_plugin_is_never_shadowed(install: Install) -> None:
    install("[lory.filters]\nblank = other_plugin:shout\n")
    assert find_plugin(list_plugins(), FILTERS, "blank").built_in


def test_a_plugin_that_cannot_be_imported_is_named_with_its_distribution(install: Install) -> None:
    install("[lory.filters]\nlost = no_such_module:x\n")
    plugin = find_plugin(list_plugins(), FILTERS, "lost")
    with pytest.raises(PluginError, match="'lost' of other 1.5: .*ModuleNotFoundError"):
        plugin.load()


def test_missing_plugins_are_reported_and_the_others_stay_in_order(install: Install) -> None:
    install("[lory.filters]\nlost = no_such_module:x\n")
    reports: list[str] = []
    guard = PluginGuard(reports.append)
    names = ["repeats", "lost", "unheard", "blank"]
    active = guard.activate(list_plugins(), FILTERS, names, trusted=True)
    assert [item.plugin.name for item in active] == ["repeats", "blank"]
    assert len(reports) == 2


@pytest.mark.parametrize(
    ("function", "reason"), [("fail", "ValueError: no"), ("wrong", "TypeError: expected")]
)
def test_a_plugin_that_fails_is_reported_once_and_off_from_then_on(
    install: Install, function: str, reason: str
) -> None:
    install(f"[lory.filters]\nbad = other_plugin:{function}\n")
    reports: list[str] = []
    guard = PluginGuard(reports.append)
    [active] = guard.activate(list_plugins(), FILTERS, ["bad"], trusted=True)
    for _ in range(3):
        assert guard.run(active, int, 7, "candidate", "context") == 7
    assert len(reports) == 1
    assert f"plugin 'bad' of other 1.5 raised {reason}" in reports[0]
    assert "off until restart" in reports[0]
    guard.forget_reports()
    assert guard.run(active, int, 7, "candidate", "context") == 7
    assert len(reports) == 1


def test_a_class_is_made_once_and_keeps_what_it_finds(install: Install) -> None:
    install("[lory.contexts]\ncounter = other_plugin:Counter\n")
    guard = PluginGuard(lambda message: None)
    [active] = guard.activate(list_plugins(), CONTEXTS, ["counter"], trusted=True)
    assert [guard.run(active, int, 0, "cursor", "context") for _ in range(3)] == [1, 2, 3]
    [another] = guard.activate(list_plugins(), CONTEXTS, ["counter"], trusted=True)
    assert guard.run(another, int, 0, "cursor", "context") == 1


def test_a_class_that_cannot_be_made_is_reported_and_left_out(install: Install) -> None:
    install("[lory.contexts]\nbroken = other_plugin:Broken\ncounter = other_plugin:Counter\n")
    reports: list[str] = []
    guard = PluginGuard(reports.append)
    active = guard.activate(list_plugins(), CONTEXTS, ["broken", "counter"], trusted=True)
    assert [item.plugin.name for item in active] == ["counter"]
    assert "plugin 'broken' of other 1.5: expected other_plugin:Broken to start" in reports[0]
    assert "OSError: no disk" in reports[0]


def test_an_entry_point_without_a_distribution_is_still_described() -> None:
    from lsp_server.plugins import describe

    assert describe(EntryPoint("a", "b:c", FILTERS)).distribution == "?"
