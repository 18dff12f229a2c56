"""Losses of packed blocks: segments do not see each other, and padding costs nothing."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from lsp_server.contract.prompt import Sentinel
from trainer.model.attention import use_chunked_attention
from trainer.model.objective import (
    IGNORED,
    Objective,
    attention_mask,
    next_tokens,
    position_ids,
    segment_index,
)

FILE, PREFIX, END, PAD = (
    int(Sentinel.FILE),
    int(Sentinel.PREFIX),
    int(Sentinel.END),
    int(Sentinel.PAD),
)
BLOCK = torch.tensor([[FILE, PREFIX, 10, END, FILE, PREFIX, 11, PAD]])


def test_segments_positions_and_targets_of_a_block_are_those_worked_by_hand() -> None:
    assert segment_index(BLOCK).tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]]
    assert position_ids(BLOCK).tolist() == [[0, 1, 2, 3, 0, 1, 2, 3]]
    assert next_tokens(BLOCK).tolist() == [[PREFIX, 10, END, IGNORED, PREFIX, 11, IGNORED, IGNORED]]


def test_a_token_looks_back_within_its_segment_and_nowhere_else() -> None:
    mask = attention_mask(BLOCK)[0, 0]
    for query in range(8):
        seen = [key for key in range(8) if mask[query, key]]
        assert seen == list(range(0 if query < 4 else 4, query + 1))


def documents(*lengths: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(sum(lengths))
    return [
        [FILE, PREFIX, *torch.randint(7, 600, (length,), generator=generator).tolist(), END]
        for length in lengths
    ]


def block(*segments: list[int], size: int = 180) -> torch.Tensor:
    ids = [token for segment in segments for token in segment]
    return torch.tensor([ids + [PAD] * (size - len(ids))])


@pytest.fixture(params=["llama", "gpt2", "gpt1"])
def objective(make_model: Callable[[str], Any], request: pytest.FixtureRequest) -> Objective:
    return Objective(make_model(request.param))


@pytest.mark.parametrize("chunked", [False, True])
@torch.no_grad()
def test_changing_one_document_leaves_the_losses_of_the_others_in_its_block_alone(
    objective: Objective, chunked: bool
) -> None:
    if chunked:
        use_chunked_attention(objective.model)
    before, changed, after = documents(40, 60, 50)
    other = [*changed[:2], *reversed(changed[2:-1]), END]
    first = objective.losses(block(before, changed, after))[0]
    second = objective.losses(block(before, other, after))[0]
    start, end = len(before), len(before) + len(changed)
    torch.testing.assert_close(first[:start], second[:start], rtol=0, atol=0)
    torch.testing.assert_close(first[end:], second[end:], rtol=0, atol=0)
    assert not torch.allclose(first[start:end], second[start:end])


@torch.no_grad()
def test_a_document_costs_in_company_what_it_costs_alone(objective: Objective) -> None:
    first, second = documents(70, 60)
    together = objective.losses(block(first, second))[0]
    alone = objective.losses(block(second))[0]
    torch.testing.assert_close(
        together[len(first) : len(first) + len(second)], alone[: len(second)], rtol=1e-4, atol=1e-5
    )


@torch.no_grad()
def test_padding_never_changes_the_loss(objective: Objective) -> None:
    (document,) = documents(60)
    weights = torch.ones(1)
    short = objective(block(document, size=64), weights)
    long = objective(block(document, size=160), weights)
    torch.testing.assert_close(short, long, rtol=1e-5, atol=1e-3)


@torch.no_grad()
def test_the_objective_is_the_weighted_sum_of_its_losses(objective: Objective) -> None:
    rows = torch.cat([block(*documents(50, 40)), block(*documents(30, 60))])
    weights = torch.tensor([0.25, 2.0])
    losses = objective.losses(rows).sum(1)
    torch.testing.assert_close(objective(rows, weights), losses[0] * 0.25 + losses[1] * 2)


def test_chunked_attention_is_torchs_own_forward_and_backward(objective: Objective) -> None:
    rows = torch.cat([block(*documents(100, 70)), block(*documents(170))])
    gradients = []
    for chunked in (False, True):
        if chunked:
            use_chunked_attention(objective.model)
        objective.zero_grad()
        loss = objective(rows, torch.ones(2))
        torch.autograd.backward(loss)
        gradients.append([loss.detach(), *(p.grad for p in objective.parameters())])
    for own, ours in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, own, rtol=1e-3, atol=1e-4)


def test_attention_in_bf16_learns_what_it_learns_in_fp32(
    make_model: Callable[[str], Any],
) -> None:
    ids_BT = torch.cat([block(*documents(300, 260), size=600), block(*documents(590), size=600)])
    weights_B = torch.full((2,), 1 / 1000)
    found = []
    for narrow in (False, True):
        objective = Objective(make_model("llama"))
        use_chunked_attention(objective.model, narrow)
        loss = objective(ids_BT, weights_B)
        loss.backward()
        slopes = [p.grad.flatten() for p in objective.parameters() if p.grad is not None]
        found.append((float(loss.detach()), torch.cat(slopes)))
    (wide, wide_slope), (narrow_loss, narrow_slope) = found
    assert narrow_loss == pytest.approx(wide, rel=1e-3)
    assert narrow_loss != wide
    assert torch.cosine_similarity(wide_slope, narrow_slope, dim=0) > 0.995
