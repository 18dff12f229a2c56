"""What is understood of a model's `config.json`: each architecture's settings and their defaults.

A setting that is not listed is refused by its name, unless it is empty or off: what a newer model
can do must not be left out without a word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainer.errors import ImportModelError
from trainer.export.importing.decoder.shape import Activation

REQUIRED: Any = object()
"""Stands for a default where there is none; such settings are sizes."""

SIZES = ("head_dim", "num_key_value_heads", "n_inner", "rotary_dim", "no_rope_layer_interval")
"""Other settings that are sizes."""

LARGEST_SIZE = 100_000_000

WITHOUT_EFFECT = frozenset(
    {
        *("architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path"),
        *("attn_implementation", "_attn_implementation", "use_cache", "return_dict", "model_type"),
        *("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "initializer_range"),
        *("attention_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop", "residual_dropout"),
        *("embedding_dropout", "hidden_dropout", "classifier_dropout", "inference_runner"),
        *("output_hidden_states", "output_attentions", "id2label", "label2id", "problem_type"),
        *("summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels"),
        *("summary_first_dropout", "chunk_size_feed_forward", "task_specific_params"),
        *("attention_softmax_in_fp32", "scale_attention_softmax_in_fp32", "validate_runner_input"),
        *("reorder_and_upcast_attn", "gradient_checkpointing", "tokenizer_class", "n_ctx"),
        *("pre_allocate_kv_cache", "max_sequence_length", "max_batch_size", "is_llama_config"),
        *("transformers.js_config", "cache_implementation", "bos_token", "eos_token"),
        "use_bfloat16",
    }
)
"""Settings that do not change what a trained model says of a token."""

ONLY: dict[str, tuple[Any, ...]] = {
    "is_encoder_decoder": (False,),
    "pretraining_tp": (1,),
    "add_cross_attention": (False,),
    "quantization_config": (),
    "auto_map": (),
    "rope_interleaved": (False,),
}
"""Settings that every architecture takes with these values alone."""

STATED: dict[str, Any] = {"vocab_size": REQUIRED, "rope_theta": None, "rope_scaling": None}
ROTARY = STATED | {"rope_parameters": None}
WIDE: dict[str, Any] = {
    "hidden_size": REQUIRED,
    "intermediate_size": REQUIRED,
    "num_hidden_layers": REQUIRED,
    "num_attention_heads": REQUIRED,
    "num_key_value_heads": None,
    "max_position_embeddings": REQUIRED,
    "tie_word_embeddings": False,
}
LLAMA = (
    ROTARY
    | WIDE
    | {
        "head_dim": None,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "attention_bias": False,
        "mlp_bias": False,
    }
)
SLIDING = {
    "use_sliding_window": False,
    "sliding_window": None,
    "max_window_layers": None,
    "layer_types": None,
}
GEMMA = LLAMA | {
    "head_dim": 256,
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": None,
    "tie_word_embeddings": True,
    "use_bidirectional_attention": None,
}
GEMMA2 = GEMMA | {
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
    "layer_types": None,
    "final_logit_softcapping": 30.0,
    "attn_logit_softcapping": 50.0,
}
GPT2: dict[str, Any] = {
    "vocab_size": REQUIRED,
    "n_positions": REQUIRED,
    "n_embd": REQUIRED,
    "n_layer": REQUIRED,
    "n_head": REQUIRED,
    "n_inner": None,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "tie_word_embeddings": True,
}


ACTIVATIONS: dict[str, Activation] = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What one architecture's configuration may say."""

    read: Mapping[str, Any]
    """Settings that are wired whatever their value, with transformers' default."""
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Settings that are wired for these values alone."""


KNOWN: dict[str, Known] = {
    "llama": Known(LLAMA),
    "mistral": Known(LLAMA | {"sliding_window": 4096, "num_key_value_heads": 8}),
    "qwen2": Known(LLAMA | SLIDING | {"num_key_value_heads": 32}),
    "qwen3": Known(LLAMA | SLIDING | {"head_dim": 128, "num_key_value_heads": 32}),
    "granite": Known(
        LLAMA
        | {
            "embedding_multiplier": 1.0,
            "logits_scaling": 1.0,
            "residual_multiplier": 1.0,
            "attention_multiplier": 1.0,
        }
    ),
    "smollm3": Known(
        LLAMA
        | SLIDING
        | {
            "no_rope_layers": None,
            "no_rope_layer_interval": 4,
            "tie_word_embeddings": True,
            "num_key_value_heads": 4,
        },
    ),
    "gemma": Known(GEMMA, {"use_bidirectional_attention": (False,)}),
    "gemma2": Known(GEMMA2, {"use_bidirectional_attention": (False,)}),
    "gemma3_text": Known(
        GEMMA2
        | {
            "final_logit_softcapping": None,
            "attn_logit_softcapping": None,
            "_sliding_window_pattern": 6,
            "sliding_window_pattern": None,
            "rope_local_base_freq": 10000.0,
        },
        {"use_bidirectional_attention": (False,)},
    ),
    "starcoder2": Known(
        ROTARY
        | WIDE
        | {
            "head_dim": None,
            "hidden_act": "gelu_pytorch_tanh",
            "norm_epsilon": 1e-5,
            "sliding_window": None,
            "use_bias": True,
            "num_key_value_heads": 2,
            "tie_word_embeddings": True,
        },
        {"mlp_type": ("default",), "norm_type": ("layer_norm",)},
    ),
    "gpt2": Known(
        GPT2 | {"scale_attn_by_inverse_layer_idx": False, "block_order": "gpt2"},
        {"block_order": ("gpt2", "gpt1")},
    ),
    "gpt_bigcode": Known(
        GPT2
        | {
            "activation_function": "gelu_pytorch_tanh",
            "multi_query": True,
            "num_key_value_heads": None,
        }
    ),
    "gpt_neox": Known(
        ROTARY
        | WIDE
        | {
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
            "use_parallel_residual": True,
            "attention_bias": True,
            "rotary_pct": 0.25,
            "rotary_emb_base": 10000.0,
            "partial_rotary_factor": None,
        },
        {"is_decoder": (False, True)},
    ),
    "codegen": Known(
        GPT2 | {"rotary_dim": 64, "tie_word_embeddings": False, "scale_attn_weights": True},
    ),
}
"""By `model_type`; the defaults are those of transformers' configuration classes."""


def read_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting that the architecture has, the defaults filled in.

    Raises ImportModelError for an architecture, a setting or a value that is not understood.
    """
    kind = config.get("model_type")
    if kind not in KNOWN:
        raise ImportModelError(
            f"model_type: expected one of {', '.join(sorted(KNOWN))}, found {kind!r}; "
            "this architecture cannot be imported"
        )
    known = KNOWN[kind]
    for name, value in config.items():
        check_setting(kind, name, value)
    settings = {name: config.get(name, default) for name, default in known.read.items()}
    for name, value in settings.items():
        check_size(name, value, needed=known.read[name] is REQUIRED)
    return settings


def check_size(name: str, value: Any, *, needed: bool) -> None:
    """Raise ImportModelError where a setting that is a size is none."""
    if not needed and name not in SIZES:
        return
    if value is None and not needed:
        return
    if type(value) is not int or not 0 < value <= LARGEST_SIZE:
        found = "none" if value is REQUIRED else f"{value!r:.100}"
        raise ImportModelError(
            f"{name}: expected a whole number from 1 to {LARGEST_SIZE:,}, found {found}; "
            "the configuration is damaged"
        )


def check_setting(kind: str, name: str, value: Any) -> None:
    """Raise ImportModelError where a setting is not understood, or its value is not."""
    known = KNOWN[kind]
    allowed = known.only.get(name, ONLY.get(name))
    if value is None:
        return
    if allowed is not None:
        if value not in allowed:
            expected = " or ".join(map(repr, allowed)) or "none"
            raise ImportModelError(
                f"{name}: expected {expected}, found {value!r:.200}; "
                f"{kind} models with that cannot be imported"
            )
        return
    if name in known.read or name in WITHOUT_EFFECT or value is False:
        return
    raise ImportModelError(
        f"{name}: expected a setting of {kind} that is understood, found {value!r:.200}; "
        "a model that needs it cannot be imported"
    )


def activation(settings: Mapping[str, Any], name: str) -> Activation:
    """The curve of the MLP; ImportModelError for one that is not wired."""
    found = settings[name]
    if found not in ACTIVATIONS:
        raise ImportModelError(
            f"{name}: expected one of {', '.join(ACTIVATIONS)}, found {found!r}; "
            "models with another activation cannot be imported"
        )
    return ACTIVATIONS[found]
