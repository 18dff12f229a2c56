"""The presets, and how networks are created and loaded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsp_server.contract.prompt import Sentinel
from trainer.errors import RecipeError
from trainer.model.config import ModelConfig

INIT_STD = 0.02
"""Of every matrix; those that write to the residual stream get it divided by sqrt(2 * layers)."""

HEAD_WIDTH = 64

TRAINING_STAGES = ("ppo", "sft", "pretrain")
"""Stages that leave a model that completes, the last one first."""


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """What tells the llama-style presets apart; heads are 64 wide."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int


LLAMA_SHAPES = {
    "tiny": LlamaShape(hidden=128, layers=4, heads=2, kv_heads=1, intermediate=344),
    "6m": LlamaShape(hidden=256, layers=6, heads=4, kv_heads=2, intermediate=688),
    "10m": LlamaShape(hidden=256, layers=8, heads=4, kv_heads=2, intermediate=688),
    "25m": LlamaShape(hidden=384, layers=12, heads=6, kv_heads=2, intermediate=1024),
    "45m": LlamaShape(hidden=512, layers=12, heads=8, kv_heads=2, intermediate=1536),
}


def build(config: ModelConfig, vocabulary: int) -> Any:
    """A PreTrainedModel with random fp32 weights, drawn by torch's generator; attention by sdpa.

    Raises RecipeError where GPT-1's block order is asked for with a llama-style preset.
    """
    if config.preset in LLAMA_SHAPES:
        if config.block_order == "gpt1":
            raise RecipeError(
                f"model.block_order: expected gpt2 with preset {config.preset}, found gpt1; "
                "only preset gpt2-124m has both orders"
            )
        return build_llama(LLAMA_SHAPES[config.preset], config.context, vocabulary)
    return build_gpt2(config, vocabulary)


def build_llama(shape: LlamaShape, context: int, vocabulary: int) -> Any:
    """RMSNorm, RoPE, grouped KV heads, SwiGLU, no biases, head tied to the embedding."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=HEAD_WIDTH,
        intermediate_size=shape.intermediate,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        initializer_range=INIT_STD,
        attn_implementation="sdpa",
        **sentinel_ids(),
    )
    model = LlamaForCausalLM(config)
    scale_residual_writers(model, shape.layers)
    return model


def build_gpt2(config: ModelConfig, vocabulary: int) -> Any:
    """GPT-2 of 12 layers and 768 wide, or the same parameters in GPT-1's block order."""
    from transformers import GPT2Config, GPT2LMHeadModel

    settings = GPT2Config(
        vocab_size=vocabulary,
        n_positions=config.context,
        initializer_range=INIT_STD,
        attn_implementation="sdpa",
        block_order=config.block_order,
        **sentinel_ids(),
    )
    return in_block_order(GPT2LMHeadModel(settings))


def load(folder: Path) -> Any:
    """The model that `save_pretrained` wrote to `folder`, as it was wired in training."""
    from transformers import AutoModelForCausalLM

    return in_block_order(AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa"))


def newest_weights(inputs: Mapping[str, Path]) -> Path:
    """Folder of the model that the last training stage among `inputs` left, with its tokenizer."""
    return next(inputs[stage] / "model" for stage in TRAINING_STAGES if stage in inputs)


def in_block_order(model: Any) -> Any:
    """The same model, rewired where its configuration says `block_order: gpt1`."""
    if getattr(model.config, "block_order", "gpt2") == "gpt1":
        from trainer.model.post_norm import move_norms_after

        move_norms_after(model)
    return model


def sentinel_ids() -> dict[str, int]:
    """Ids under the names that transformers' configurations have for them."""
    return {
        "bos_token_id": int(Sentinel.FILE),
        "eos_token_id": int(Sentinel.END),
        "pad_token_id": int(Sentinel.PAD),
    }


def scale_residual_writers(model: Any, layers: int) -> None:
    """Draw the matrices that write to the residual stream anew, narrower by its depth.

    Each layer writes twice, so a standard deviation divided by sqrt(2 * layers) keeps the stream's
    variance from growing with depth (Radford et al. 2019). transformers does so for GPT-2 itself.
    """
    import torch

    for layer in model.model.layers:
        for writer in (layer.self_attn.o_proj, layer.mlp.down_proj):
            torch.nn.init.normal_(writer.weight, std=INIT_STD / math.sqrt(2 * layers))
