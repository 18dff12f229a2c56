"""The loss made chunk by chunk is the loss made whole, and so is its gradient."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from lsp_server.contract.prompt import Sentinel
from trainer.model import chunked_loss
from trainer.model.objective import Objective

FILE, PREFIX, END, PAD = (
    int(Sentinel.FILE),
    int(Sentinel.PREFIX),
    int(Sentinel.END),
    int(Sentinel.PAD),
)


def rows(generator: torch.Generator) -> torch.Tensor:
    ids_BT = torch.randint(7, 600, (3, 60), generator=generator)
    ids_BT[:, 0], ids_BT[:, 1], ids_BT[0, 30], ids_BT[2, 50:] = FILE, PREFIX, FILE, PAD
    return ids_BT


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("narrow", [False, True])
def test_loss_and_gradients_are_those_of_the_whole_batch(
    make_model: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, kind: str, narrow: bool
) -> None:
    monkeypatch.setattr(chunked_loss, "CHUNK", 50)
    ids_BT = rows(torch.Generator().manual_seed(2))
    weights_B = torch.tensor([0.01, 0.02, 0.005])
    found = []
    for chunked in (False, True):
        objective = Objective(make_model(kind), chunked=chunked)
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            loss = objective(ids_BT, weights_B)
        (loss * 3).backward()
        slopes = [p.grad.flatten() for p in objective.parameters() if p.grad is not None]
        found.append((loss.detach(), torch.cat(slopes)))
    (whole, whole_slope), (ours, our_slope) = found
    torch.testing.assert_close(ours, whole, rtol=1e-2 if narrow else 1e-6, atol=0)
    assert len(our_slope) == len(whole_slope)
    alike = torch.cosine_similarity(our_slope.double(), whole_slope.double(), dim=0)
    assert alike > (0.999 if narrow else 0.9999999)
    assert our_slope.norm() == pytest.approx(
        float(whole_slope.norm()), rel=2e-2 if narrow else 1e-5
    )
