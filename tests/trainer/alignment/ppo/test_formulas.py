"""PPO's formulas on numbers worked by hand, and on cases small enough to enumerate."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer.alignment.ppo import formulas as ppo_math

ALL = torch.tensor([[True, True, True]])


def close(found: Tensor, expected: list[list[float]]) -> None:
    torch.testing.assert_close(
        found, torch.tensor(expected, dtype=torch.float32), atol=1e-6, rtol=1e-5
    )


def test_entropy_is_that_of_a_fair_and_of_a_loaded_coin() -> None:
    logprobs = torch.log(torch.tensor([[0.5, 0.5], [0.25, 0.75]]))

    found = ppo_math.entropy_of(logprobs)

    close(found[None], [[math.log(2), -0.25 * math.log(0.25) - 0.75 * math.log(0.75)]])


def test_kl_of_a_token_twice_as_likely_as_before_is_log_two_less_a_half() -> None:
    policy, reference = torch.log(torch.tensor([[0.5]])), torch.log(torch.tensor([[0.25]]))

    found = ppo_math.kl_estimate(policy, reference, torch.tensor([[True]]))

    close(found, [[0.5 - 1 + math.log(2)]])


@given(st.lists(st.tuples(st.floats(-20, 0), st.floats(-20, 0)), min_size=1, max_size=8))
def test_kl_is_never_negative(pairs: list[tuple[float, float]]) -> None:
    policy, reference = (
        torch.tensor([side], dtype=torch.float64) for side in zip(*pairs, strict=True)
    )

    found = ppo_math.kl_estimate(policy, reference, torch.ones_like(policy, dtype=torch.bool))

    assert (found >= 0).all()


def test_forward_kl_is_that_of_a_fair_coin_to_a_loaded_one() -> None:
    fair, loaded = torch.log(torch.tensor([[0.5, 0.5]])), torch.log(torch.tensor([[3.0, 1.0]]))

    found = ppo_math.forward_kl(fair, loaded)

    close(found[None], [[0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)]])


def test_a_score_is_compared_with_the_others_of_its_prompt() -> None:
    scores = torch.tensor([1.0, 0.0, 0.5, 3.0, 3.0, 3.0])

    found = ppo_math.leave_one_out(scores, copies=3)

    close(found[None], [[0.75, -0.75, 0.0, 0.0, 0.0, 0.0]])


def test_a_missing_score_is_compared_with_nothing_and_stays_missing() -> None:
    missing = torch.nan
    scores = torch.tensor([1.0, missing, 0.0, missing, missing, 2.0])

    found = ppo_math.leave_one_out(scores, copies=3)

    assert found.isnan().tolist() == [False, True, False, True, True, False]
    close(found[[0, 2]][None], [[1.0, -1.0]])
    assert found[5] == 0, "alone, it says nothing"


def exact_gradient(policy: Tensor, reference: Tensor) -> Tensor:
    """Of the KL divergence from softmax(policy) to softmax(reference), by enumeration."""
    logits = policy.clone().requires_grad_()
    logprobs = logits.log_softmax(-1)
    loss = (logprobs.exp() * (logprobs - reference.log_softmax(-1))).sum()
    return torch.autograd.grad(loss, logits)[0]


def penalty_gradient(policy: Tensor, price: Tensor) -> Tensor:
    """Expected policy gradient of paying each token's price, by enumeration."""
    logits = policy.clone().requires_grad_()
    logprobs = logits.log_softmax(-1)
    loss = (logprobs.exp().detach() * price * logprobs).sum()
    return torch.autograd.grad(loss, logits)[0]


def test_the_log_ratio_as_a_price_has_the_gradient_of_the_kl_and_the_estimate_has_not() -> None:
    reference = torch.tensor([0.0, 0.5, -0.5])
    policy = reference + torch.tensor([0.05, -0.03, 0.02])
    mask = torch.ones(3, dtype=torch.bool)
    now, before = policy.log_softmax(-1), reference.log_softmax(-1)
    exact = exact_gradient(policy, reference)

    by_ratio = penalty_gradient(policy, ppo_math.log_ratio(now, before, mask))
    by_estimate = penalty_gradient(policy, ppo_math.kl_estimate(now, before, mask))

    torch.testing.assert_close(by_ratio, exact)
    assert by_estimate.norm() < 0.1 * exact.norm()


def test_the_kl_estimate_is_right_on_average() -> None:
    policy, reference = (torch.tensor(p).log() for p in ([0.5, 0.3, 0.2], [0.2, 0.2, 0.6]))
    mask = torch.ones(3, dtype=torch.bool)

    mean = (policy.exp() * ppo_math.kl_estimate(policy, reference, mask)).sum()

    torch.testing.assert_close(mean, (policy.exp() * (policy - reference)).sum())


def test_a_completions_score_goes_to_its_last_token() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True], [False, False, False]])

    found = ppo_math.at_last_token(torch.tensor([5.0, 7.0, 9.0]), mask)

    close(found, [[0, 5, 0], [0, 0, 7], [0, 0, 0]])


def test_a_reward_is_the_score_less_the_price_of_the_kl() -> None:
    scores, ratio = torch.tensor([[0.0, 1.0, 9.0]]), torch.tensor([[0.5, -0.25, 9.0]])

    found = ppo_math.token_rewards(scores, ratio, 0.2, torch.tensor([[True, True, False]]))

    close(found, [[-0.1, 1.05, 0]])


def test_advantages_are_those_worked_by_hand() -> None:
    rewards, values = torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([[0.5, 0.4, 0.2]])

    found = ppo_math.gae(rewards, values, ALL, gamma=0.9, gae_lambda=0.5)

    last = 1.0 - 0.2
    middle = (0.9 * 0.2 - 0.4) + 0.45 * last
    first = (0.9 * 0.4 - 0.5) + 0.45 * middle
    close(found, [[first, middle, last]])


def test_with_gamma_and_lambda_of_one_an_advantage_is_return_less_value() -> None:
    rewards, values = torch.tensor([[1.0, -2.0, 4.0]]), torch.tensor([[0.3, 0.2, 0.1]])

    found = ppo_math.gae(rewards, values, ALL, gamma=1.0, gae_lambda=1.0)

    close(found, [[3.0 - 0.3, 2.0 - 0.2, 4.0 - 0.1]])


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**16))
def test_padding_never_changes_advantages(left: int, right: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    rewards, values = torch.randn(2, 3, generator=draw), torch.randn(2, 3, generator=draw)
    plain = ppo_math.gae(rewards, values, ALL.expand(2, 3), 0.95, 0.9)
    wide = torch.full((2, left + 3 + right), float("nan"))
    wide_rewards, wide_values = wide.clone(), wide.clone()
    wide_rewards[:, left : left + 3], wide_values[:, left : left + 3] = rewards, values
    mask = torch.zeros(2, left + 3 + right, dtype=torch.bool)
    mask[:, left : left + 3] = True

    padded = ppo_math.gae(wide_rewards, wide_values, mask, 0.95, 0.9)

    torch.testing.assert_close(padded[:, left : left + 3], plain)
    assert (padded[~mask] == 0).all()


def test_whitened_values_have_mean_zero_and_variance_one_over_the_mask() -> None:
    values, mask = torch.tensor([[1.0, 3.0, 100.0]]), torch.tensor([[True, True, False]])

    close(ppo_math.whiten(values, mask), [[-1, 1, 0]])


def test_values_all_alike_whiten_to_zero() -> None:
    close(ppo_math.whiten(torch.full((1, 3), 2.5), ALL), [[0, 0, 0]])


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "clipped"),
    [
        (1.1, 2.0, -2.2, 0.0),
        (1.5, 2.0, -2.4, 1.0),
        (1.5, -2.0, 3.0, 0.0),
        (0.5, 2.0, -1.0, 0.0),
        (0.5, -2.0, 1.6, 1.0),
    ],
)
def test_the_surrogate_clips_only_what_would_gain(
    ratio: float, advantage: float, loss: float, clipped: float
) -> None:
    then = torch.tensor([[-1.0]])
    now = then + math.log(ratio)

    found = ppo_math.policy_loss(
        now, then, torch.tensor([[advantage]]), torch.tensor([[True]]), clip=0.2
    )

    assert (float(found.loss), float(found.clipped)) == pytest.approx((loss, clipped), abs=1e-5)


def test_a_clipped_token_has_no_gradient() -> None:
    then = torch.tensor([[-1.0, -1.0]])
    now = (then + torch.tensor([[0.5, 0.05]])).requires_grad_()

    loss = ppo_math.policy_loss(
        now, then, torch.ones(1, 2), torch.tensor([[True, True]]), clip=0.2
    ).loss

    (gradient,) = torch.autograd.grad(loss, now)
    assert gradient[0, 0] == 0
    assert gradient[0, 1] < 0


def test_values_are_pulled_to_their_returns_from_within_the_clip() -> None:
    now, then = torch.tensor([[1.0, 0.1]]), torch.zeros(1, 2)

    found = ppo_math.value_loss(
        now, then, torch.tensor([[1.0, 1.0]]), torch.tensor([[True, True]]), clip=0.2
    )

    # the first is right but moved by more than 0.2: its error counts from 0.2
    assert float(found.loss) == pytest.approx(0.5 * (0.8**2 + 0.9**2) / 2)
    assert float(found.clipped) == 0.5


def test_an_empty_mask_gives_no_loss_rather_than_nan() -> None:
    nothing, some = torch.zeros(1, 3, dtype=torch.bool), torch.randn(1, 3)

    assert float(ppo_math.policy_loss(some, some, some, nothing, 0.2).loss) == 0
    assert float(ppo_math.value_loss(some, some, some, nothing, 0.2).loss) == 0
