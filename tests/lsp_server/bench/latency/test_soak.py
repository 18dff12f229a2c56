"""A short soak of a real server in a real repository."""

from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.bench.config import OWN_SERVER
from lsp_server.bench.latency.soak import SoakConfig, soak
from lsp_server.errors import BenchError

SHORT = SoakConfig(command=OWN_SERVER, minutes=0.2, every=3.0, files=40, rate=10)


@pytest.mark.slow
def test_every_key_is_answered_while_branches_change_and_the_project_is_followed(
    tmp_path: Path,
) -> None:
    minutes = list(soak(SHORT, tmp_path))
    assert [minute.event for minute in minutes[:3]] == [
        "checkout other",
        "all files written",
        "checkout main",
    ]
    assert [minute.changed for minute in minutes[:2]] == [20, 40]
    assert all(minute.keys for minute in minutes)
    assert not sum(minute.unanswered for minute in minutes)
    assert all(minute.megabytes < 500 for minute in minutes)
    assert minutes[-1].files == 40


@pytest.mark.parametrize("name", ["minutes", "rate", "files", "every", "patience"])
def test_a_soak_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(BenchError, match=f"expected {name} above 0"):
        replace(SHORT, **{name: 0})  # type: ignore[arg-type]
