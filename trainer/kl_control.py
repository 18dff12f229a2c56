"""The price of leaving the reference: takes each round's KL, gives the next round's coefficient.

Ziegler et al. 2019 (section 2.2) let the coefficient follow the KL's error. Alone that swings:
while the KL rises from 0 to its target, the coefficient falls to next to nothing, and the KL then
shoots past its target several times over before the coefficient is back. So here it does not fall
while the KL still rises, and what it has gathered is multiplied by a factor of the present error.
"""

import math
from dataclasses import dataclass, replace

from trainer.tuning_config import PpoConfig

WORST_ERROR = 0.2
"""The gathered part follows no larger share of the target (Ziegler et al.)."""

LEAST_EXPONENT, MOST_EXPONENT = -1.0, 1.5
"""Of e, in the factor of the present error: the KL at 0, and at two and a half times its target."""


@dataclass(frozen=True, slots=True)
class KlControl:
    """Where the control of one run stands."""

    gathered: float
    """The coefficient without the factor of the present error."""
    kl: float = 0.0
    """Of the latest round, nats in a completion."""

    def coefficient(self, config: PpoConfig) -> float:
        """Price of a nat of log ratio in the next round."""
        if config.kl_control == "fixed":
            return config.kl_coefficient
        error = self.kl / config.kl_target - 1
        return self.gathered * math.exp(min(max(error, LEAST_EXPONENT), MOST_EXPONENT))

    def after(self, kl: float, config: PpoConfig) -> "KlControl":
        """The control once a round has had this KL."""
        error = min(max(kl / config.kl_target - 1, -WORST_ERROR), WORST_ERROR)
        still_rising = error < 0 and kl > self.kl
        step = 0.0 if still_rising else error * config.rollouts / config.kl_horizon
        return replace(self, gathered=self.gathered * (1 + step), kl=kl)


def start_control(config: PpoConfig) -> KlControl:
    """A control whose first round has the coefficient of the settings."""
    return KlControl(config.kl_coefficient / math.exp(LEAST_EXPONENT))
