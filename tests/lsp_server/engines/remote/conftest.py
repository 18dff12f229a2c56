"""The bundle that stands in for services."""

from pathlib import Path

import pytest

import lsp_server
from lsp_server.contract.bundles.bundle import Bundle, load


@pytest.fixture(scope="session")
def default_bundle() -> Bundle:
    """The one that ships."""
    return load(Path(lsp_server.__file__).parent / "models" / "default")
