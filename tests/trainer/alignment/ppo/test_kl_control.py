"""The KL's price, on numbers worked by hand."""

import math

import pytest

from trainer.alignment.config import PpoConfig
from trainer.alignment.ppo.formulas import KlControl, start_control

CONFIG = PpoConfig(rollouts=100, kl_horizon=1000, kl_target=6.0, kl_coefficient=0.1)


def test_the_first_rounds_coefficient_is_that_of_the_settings() -> None:
    assert start_control(CONFIG).coefficient(CONFIG) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("before", "kl", "gathered"),
    [
        (9.0, 6.6, 0.2 * 1.01),
        (9.0, 600.0, 0.2 * 1.02),
        (9.0, 5.7, 0.2 * 0.995),
        (9.0, 0.0, 0.2 * 0.98),
        (6.0, 6.0, 0.2),
    ],
)
def test_what_is_gathered_follows_the_error_and_a_fifth_of_it_at_most(
    before: float, kl: float, gathered: float
) -> None:
    after = KlControl(0.2, before).after(kl, CONFIG)

    assert after.gathered == pytest.approx(gathered)
    assert after.kl == kl


def test_what_is_gathered_does_not_fall_while_the_kl_still_rises() -> None:
    assert KlControl(0.2, 1.0).after(1.5, CONFIG).gathered == 0.2


@pytest.mark.parametrize(
    ("kl", "factor"), [(6.0, 1.0), (9.0, math.exp(0.5)), (0.0, math.exp(-1)), (99, math.exp(1.5))]
)
def test_the_present_error_multiplies_what_is_gathered(kl: float, factor: float) -> None:
    assert KlControl(0.2, kl).coefficient(CONFIG) == pytest.approx(0.2 * factor)


def test_a_fixed_coefficient_stays() -> None:
    fixed = PpoConfig(kl_control="fixed", kl_coefficient=0.1)

    assert KlControl(5.0, 99.0).coefficient(fixed) == 0.1
