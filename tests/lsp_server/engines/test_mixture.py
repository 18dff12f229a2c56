"""The cache model's mixture, on numbers worked by hand and against its definition."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.recall import LADDER, Rung
from lsp_server.engines.mixture import (
    AGREED,
    SEEN,
    SURE,
    Calibration,
    LevelWeights,
    MixtureWeights,
    classes,
    mix,
    read_weights,
    share_out,
    sureness,
)
from lsp_server.errors import BundleError
from lsp_server.settings import Settings

EVEN = LevelWeights()
"""Every logit 0: each rung counts one half."""
WEIGHTS = MixtureWeights(project=EVEN, file=EVEN)
SHIPPED = Path(read_weights.__wrapped__.__code__.co_filename).with_name("mixture.json")

TOKENS = st.integers(0, 19)
COUNTS = st.dictionaries(TOKENS, st.integers(1, 40), min_size=1, max_size=6)
RUNGS = st.lists(st.tuples(st.sampled_from(LADDER), COUNTS), max_size=6).map(
    lambda found: tuple(
        Rung(length, sum(counts.values()), counts) for length, counts in sorted(found, key=first)
    )
)


def first(pair: tuple[int, dict[int, int]]) -> int:
    """The sort key."""
    return pair[0]


def test_a_rung_that_counts_half_halves_the_model_and_gives_its_half_to_what_followed() -> None:
    model = np.array([0.8, 0.2, 0.0], np.float32)
    mix(model, ((), (Rung(2, 4, {2: 3, 1: 1}),)), WEIGHTS)
    assert model == pytest.approx([0.4, 0.1 + 0.125, 0.375])


def test_the_current_file_s_longest_context_is_mixed_in_last_so_it_counts_most() -> None:
    model = np.array([1.0, 0.0, 0.0, 0.0], np.float32)
    project = (Rung(8, 1, {1: 1}),)
    file = (Rung(1, 1, {2: 1}), Rung(2, 1, {3: 1}))
    mix(model, (project, file), WEIGHTS)
    assert model == pytest.approx([1 / 8, 1 / 8, 1 / 4, 1 / 2])


def test_no_evidence_leaves_the_model_as_it_is() -> None:
    model = np.array([0.3, 0.7], np.float32)
    mix(model, ((), ()), WEIGHTS)
    assert model == pytest.approx([0.3, 0.7])


@given(
    logits=st.lists(st.floats(-20, 20, width=32), min_size=20, max_size=20),
    project=RUNGS,
    file=RUNGS,
)
def test_the_mixture_s_probabilities_sum_to_one(
    logits: list[float], project: tuple[Rung, ...], file: tuple[Rung, ...]
) -> None:
    model = np.exp(np.array(logits, np.float32) - max(logits))
    model /= model.sum()
    weights = read_weights(SHIPPED)
    mix(model, (project, file), weights)
    assert model.min() >= 0
    assert float(model.sum()) == pytest.approx(1, abs=1e-5)


@given(project=RUNGS, file=RUNGS, sure=st.integers(0, len(SURE) - 1))
def test_what_is_left_to_the_model_and_what_counts_get_are_one(
    project: tuple[Rung, ...], file: tuple[Rung, ...], sure: int
) -> None:
    shares = share_out((project, file), read_weights(SHIPPED), sure)
    assert shares.model + sum(shares.tokens.values()) == pytest.approx(1)


def test_classes_are_those_whose_lower_bounds_are_reached() -> None:
    assert classes(Rung(1, 1, {5: 1})) == (0, AGREED.index(1.0))
    assert classes(Rung(1, 8, {5: 4, 6: 4})) == (SEEN.index(5), AGREED.index(0.5))
    assert [sureness(p) for p in (0.0, 0.19, 0.2, 0.95, 1.0)] == [0, 0, 1, 5, 5]


def test_a_calibration_moves_the_odds_and_keeps_their_order() -> None:
    calibration = Calibration(bias=1.0, slope=0.5)
    assert calibration.apply(math.log(0.5)) == pytest.approx(math.log(1 / (1 + math.exp(-1))))
    values = [calibration.apply(math.log(p)) for p in (0.01, 0.3, 0.9, 0.999999, 1.0)]
    assert values == sorted(values)
    assert all(value <= 0 for value in values)


def test_without_a_calibration_a_probability_stays() -> None:
    for p in (1e-6, 0.2, 0.9):
        assert Calibration().apply(math.log(p)) == pytest.approx(math.log(p))


def test_the_weights_that_come_with_lory_are_in_order() -> None:
    assert read_weights(SHIPPED).file != EVEN
    assert Settings().cache_model


@pytest.mark.parametrize(
    "text", ["", "[]", '{"project": {}, "file": {}, "other": 1}', '{"file": {"length": [1, 2]}}']
)
def test_a_file_of_other_things_is_an_error_that_says_how_to_make_one(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "mixture.json"
    path.write_text(text)
    with pytest.raises(BundleError, match="lory bench fit"):
        read_weights(path)


def test_lists_of_another_length_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mixture.json"
    record = json.loads(SHIPPED.read_text())
    record["file"]["seen"].append(0.0)
    path.write_text(json.dumps(record))
    with pytest.raises(BundleError, match="expected the weights of the cache model"):
        read_weights(path)
