"""What a trained network predicts for the passages of `lory bench passages`.

    python -m trainer.pretraining.passage_probabilities RUN PASSAGES.npz OUT.npz

`lory bench mixed` takes it from there. Each passage is read behind its prompt in one pass.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.runtime.cpu import prepare_process

Ids = NDArray[np.int64]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read a run's newest pretrained weights and the passages, write the probabilities."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.pretraining.passage_probabilities", description=__doc__
    )
    parser.add_argument("run", type=Path, help="folder of a run that has stage pretrain")
    parser.add_argument("passages", type=Path, help="what `lory bench passages` wrote")
    parser.add_argument("out", type=Path, help="file (.npz) to write")
    chosen = parser.parse_args(arguments)
    prepare_process()
    from trainer.model.attention import use_chunked_attention
    from trainer.model.networks import load

    model = load(chosen.run / "pretrain" / "model").float().eval()
    use_chunked_attention(model)
    with np.load(chosen.passages) as stored:
        left_out = stored["never_written"].astype(np.int64)
    passages = read_passages(chosen.passages)
    said = [judge(model, prompt, block, left_out) for prompt, block in passages]
    own, highest = (np.concatenate(column) for column in zip(*said, strict=True))
    np.savez_compressed(chosen.out, model_N=own, highest_N=highest)


def read_passages(path: Path) -> Iterator[tuple[Ids, Ids]]:
    """Each passage's prompt and own tokens."""
    with np.load(path) as stored:
        cut = {
            name: np.split(stored[f"{name}_ids"], np.cumsum(stored[f"{name}_lengths"])[:-1])
            for name in ("prompt", "block")
        }
    return zip(cut["prompt"], cut["block"], strict=True)


def judge(
    model: Any, prompt: Ids, block: Ids, left_out: Ids
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The probability of each token of `block` behind `prompt`, and the highest one there.

    Tokens that are `left_out` get nothing.
    """
    import torch

    from trainer.model.objective import Objective

    ids_BT = torch.from_numpy(np.concatenate([prompt, block[:-1]]).astype(np.int64))[None]
    with torch.no_grad():
        hidden_ND = Objective(model).hidden(ids_BT)[0, len(prompt) - 1 :]
        logits_NV = model.get_output_embeddings()(hidden_ND).float()
    logits_NV[:, torch.from_numpy(left_out)] = -torch.inf
    shares_NV = logits_NV.softmax(-1)
    own_N = shares_NV[torch.arange(len(block)), torch.from_numpy(block.astype(np.int64))]
    return own_N.numpy(), shares_NV.max(-1).values.numpy()


if __name__ == "__main__":
    main()
