"""GGUF's names of settings and tensors beside transformers', architecture by architecture."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainer.errors import ImportModelError
from trainer.export.importing.sources.source import Weights

LAYER = re.compile(r"blk\.(\d+)\.([a-z0-9_]+)")

UNREAD = frozenset({"vocab_size", "rope.dimension_count", "use_parallel_residual", "tensor_count"})
"""Settings that the tensors, or another setting, say as well, or that a table below reads."""

SETTINGS = {
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "rope.freq_base": "rope_theta",
    "attention.key_length": "head_dim",
    "attention.value_length": "value_dim",
    "rope.scaling.type": "scaling_type",
    "rope.scaling.factor": "scaling_factor",
    "rope.scaling.original_context_length": "scaling_original",
}
GPT2_SETTINGS = {
    "block_count": "n_layer",
    "context_length": "n_positions",
    "embedding_length": "n_embd",
    "feed_forward_length": "n_inner",
    "attention.head_count": "n_head",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_epsilon": "layer_norm_epsilon",
}
WHOLE = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "rope_freqs": "rope_freqs",
}
PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
GPT2_WHOLE = {
    "token_embd": "transformer.wte",
    "position_embd": "transformer.wpe",
    "output_norm": "transformer.ln_f",
    "output": "lm_head",
}
GPT2_PARTS = {
    "attn_norm": "ln_1",
    "attn_qkv": "attn.c_attn",
    "attn_output": "attn.c_proj",
    "ffn_norm": "ln_2",
    "ffn_up": "mlp.c_fc",
    "ffn_down": "mlp.c_proj",
}

Config = dict[str, Any]


def finish_rope(config: Config, facts: Mapping[str, Any]) -> Config:
    """The configuration with what GGUF says of stretched positions in transformers' form."""
    if config.pop("value_dim", config.get("head_dim")) != config.get("head_dim"):
        raise ImportModelError(
            "attention.value_length: expected the length of keys, found another; "
            "a model with both cannot be imported"
        )
    kind = config.pop("scaling_type", "none")
    factor, original = config.pop("scaling_factor", None), config.pop("scaling_original", None)
    if kind != "none":
        scaling = {
            "rope_type": kind,
            "factor": factor,
            "original_max_position_embeddings": original,
        }
        config["rope_scaling"] = {key: value for key, value in scaling.items() if value}
    return config


def leave(config: Config, facts: Mapping[str, Any]) -> Config:
    """The configuration as it is."""
    return config


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """One of GGUF's architectures."""

    model_type: str
    settings: Mapping[str, str] = field(default_factory=lambda: SETTINGS)
    whole: Mapping[str, str] = field(default_factory=lambda: WHOLE)
    layer: Mapping[str, str] = field(default_factory=lambda: PARTS)
    layers: str = "model.layers"
    """Where transformers keeps them."""
    fixed: Config = field(default_factory=dict)
    """What the file does not say."""
    finish: Callable[[Config, Mapping[str, Any]], Config] = finish_rope
    interleaved: bool = False
    """Whether rotary pairs of queries and keys stand side by side."""
    transposed: bool = False
    """Whether transformers stores matrices as [K, N]."""
    one_more: bool = False
    """Whether norms have their whole scale, where transformers stores it less one."""


GPT2 = Architecture(
    model_type="gpt2",
    settings=GPT2_SETTINGS,
    whole=GPT2_WHOLE,
    layer=GPT2_PARTS,
    layers="transformer.h",
    finish=lambda config, facts: {k: v for k, v in config.items() if k != "num_key_value_heads"},
    transposed=True,
)
ARCHITECTURES: dict[str, Architecture] = {
    "llama": Architecture(model_type="llama", interleaved=True),
    "qwen2": Architecture(model_type="qwen2"),
    "qwen3": Architecture(model_type="qwen3"),
    "gemma": Architecture(
        model_type="gemma", one_more=True, fixed={"hidden_act": "gelu_pytorch_tanh"}
    ),
    "starcoder2": Architecture(
        model_type="starcoder2",
        settings=SETTINGS | {"attention.layer_norm_epsilon": "norm_epsilon"},
        layer=PARTS | {"ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"},
    ),
    "gpt2": GPT2,
    "starcoder": Architecture(
        model_type="gpt_bigcode",
        settings=GPT2_SETTINGS,
        whole=GPT2_WHOLE,
        layer=GPT2_PARTS,
        layers="transformer.h",
        finish=leave,
        fixed={"multi_query": True},
    ),
}


def interleaved_rows(array: Weights, heads: int) -> Weights:
    """Rows of queries or keys with pairs half a head apart, of GGML's pairs side by side."""
    pairs = array.reshape(heads, -1, 2, *array.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(array.shape)
