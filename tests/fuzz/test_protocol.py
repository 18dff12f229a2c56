"""Ten thousand messages of bad clients; the long run is `python -m tests.fuzz.protocol`."""

from pathlib import Path

import pytest

from tests.fuzz.protocol import fuzz


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_request_is_answered_once_and_every_farewell_is_the_end(
    seed: int, tmp_path: Path
) -> None:
    found = list(fuzz(seed, 5_000, tmp_path))
    assert sum(figures.messages for figures in found) == 5_000
    assert sum(figures.requests for figures in found) > 1_000
