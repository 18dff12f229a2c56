"""The demo: its places are there, and it tells how to connect an editor."""

import pytest

from lsp_server.cli.demo import SIGHTS, Sight, find
from lsp_server.errors import LoryError


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.file)
def test_a_place_of_the_demo_stands_right_behind_its_text(sight: Sight) -> None:
    place = find(sight)
    line = place.path.read_text(encoding="utf-8").split("\n")[place.line - 1]
    assert line[: place.column - 1].endswith(sight.before.rsplit("\n")[-1])


def test_a_place_whose_text_is_gone_is_one_clear_error() -> None:
    with pytest.raises(LoryError, match="correct the demo's places"):
        find(Sight("cli/demo.py", "no such " + "text"))
