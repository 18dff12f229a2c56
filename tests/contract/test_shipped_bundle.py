"""The bundle that ships: verified, small enough, able to complete what any model of Python must."""

from pathlib import Path
from threading import Event

import pytest

from lsp_server.cli.demo import demonstrate
from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.model.loading import Model, complain, load_model
from lsp_server.completion.suggestion import generate
from lsp_server.contract.bundles.bundle import Bundle, load
from lsp_server.plugins import PluginGuard
from lsp_server.settings import Settings

LARGEST = 48_000_000


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    """The folder beside the code, as a server without settings loads it."""
    return load(Settings().bundle_folder)


@pytest.fixture(scope="module")
def model() -> Model:
    """The model of a server without settings."""
    return load_model(Settings(), PluginGuard(complain))


def test_the_shipped_bundle_is_within_its_size(shipped: Bundle) -> None:
    assert sum(path.stat().st_size for path in shipped.folder.iterdir()) <= LARGEST


def test_the_shipped_bundle_names_no_folder_of_the_machine_it_was_made_on(shipped: Bundle) -> None:
    texts = [*shipped.folder.glob("*.md"), *shipped.folder.glob("*.yaml")]
    texts.append(shipped.folder / "bundle.json")
    for path in texts:
        words = path.read_text(encoding="utf-8").replace('"', " ").split()
        assert not [word for word in words if Path(word).is_absolute() and len(word) > 1]


def test_the_shipped_bundle_carries_its_figures_with_intervals(shipped: Bundle) -> None:
    rows = {row.metric: row for row in shipped.manifest.evaluation}
    assert "bits_per_byte" in rows
    assert all(row.low <= row.value <= row.high for row in rows.values())
    assert shipped.manifest.languages == ("python",)


@pytest.mark.parametrize(
    ("prefix", "suffix", "expected"),
    [
        ("class A:\n    def __init__(self, name):\n        self.na", "\n", "me = name"),
        ("import os\n\n\ndef main():\n    pass\n\n\nif __name__ == ", "\n", "__main__"),
        ("for index in ran", "\n    print(index)\n", "ge("),
    ],
)
def test_the_shipped_model_knows_the_commonest_idioms(
    model: Model, prefix: str, suffix: str, expected: str
) -> None:
    cursor = Cursor(
        uri="file:///a.py", language="python", path="a.py", prefix=prefix, suffix=suffix
    )
    guard = PluginGuard(complain)
    settings = Settings(min_probability=0.0)
    (found,) = generate(model, settings, guard, cursor, Event()).candidates
    assert expected in found.text


def test_the_demo_shows_a_suggestion_at_each_place_and_how_to_connect() -> None:
    shown = demonstrate()
    assert shown.count("suggestion  ") == 3
    assert "none that is likely enough" not in shown
    assert "vim.lsp.enable('lory')" in shown
