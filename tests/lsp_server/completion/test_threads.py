"""A large model has two threads where the machine has them, unless the setting says a number."""

import os
from dataclasses import replace

import pytest

from lsp_server.completion.model.threads import LARGE, threads_for
from lsp_server.contract.bundles.bundle import load
from lsp_server.settings import Settings


@pytest.mark.parametrize(
    ("parameters", "cores", "given", "threads"),
    [(LARGE, 8, 0, 1), (LARGE + 1, 8, 0, 2), (LARGE + 1, 1, 0, 1), (LARGE + 1, 8, 3, 3)],
)
def test_threads_by_parameters_cores_and_setting(
    parameters: int, cores: int, given: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    bundle = load(Settings().bundle_folder)
    bundle = replace(bundle, manifest=replace(bundle.manifest, parameters=parameters))
    assert threads_for(bundle, Settings(threads=given)) == threads
