"""Starts pretraining from a bundle's weights and tokenizer.

The weights are the floats that the bundle's codes stand for, with their rounding.
"""

from pathlib import Path
from typing import Any

from trainer.errors import RecipeError
from trainer.runtime.bundles import open_bundle


def read_model(name: str, tokenizer_file: Path) -> Any:
    """The network of bundle `name`, as transformers' model with float32 weights.

    Raises RecipeError where the run's tokenizer is another than the bundle's, ExportError where the
    bundle is not llama-style.
    """
    import torch
    from transformers import LlamaForCausalLM

    from trainer.export.graph.weights import read_weights

    bundle = open_bundle(name, "pretrain.bundle")
    if bundle.tokenizer_path.read_bytes() != tokenizer_file.read_bytes():
        raise RecipeError(
            f"pretrain.bundle: expected the tokenizer of {bundle.folder} in {tokenizer_file}, "
            f"found another; set tokenizer.bundle to {name} as well"
        )
    network = read_weights(bundle.model_path)
    model = LlamaForCausalLM(network.config)
    weights = {key: torch.tensor(array) for key, array in network.weights.items()}
    model.load_state_dict(weights | {"lm_head.weight": weights["model.embed_tokens.weight"]})
    return model
