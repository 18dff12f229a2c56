"""What the exporters understand of a transformers configuration; anything else is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.errors import ExportError

WITHOUT_EFFECT = frozenset(
    {
        *("architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path"),
        *("attn_implementation", "_attn_implementation", "use_cache", "return_dict"),
        *("bos_token_id", "eos_token_id", "pad_token_id", "initializer_range"),
        *("attention_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop"),
        *("output_hidden_states", "output_attentions", "id2label", "label2id"),
        *("problem_type", "summary_type", "summary_use_proj", "summary_activation"),
        *("summary_proj_to_labels", "summary_first_dropout"),
    }
)
"""Settings that do not change what a trained model says of a token."""


@dataclass(frozen=True, slots=True)
class Wired:
    """What the exporter of one architecture makes of its settings."""

    read: frozenset[str]
    """Settings that are wired whatever their value."""
    only: Mapping[str, tuple[Any, ...]]
    """Settings that are wired for these values alone."""


LLAMA = Wired(
    read=frozenset(
        {
            *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "head_dim"),
            *("num_attention_heads", "num_key_value_heads", "max_position_embeddings"),
            *("rms_norm_eps", "rope_parameters"),
        }
    ),
    only={
        "model_type": ("llama",),
        "hidden_act": ("silu",),
        "attention_bias": (False,),
        "mlp_bias": (False,),
        "tie_word_embeddings": (True,),
    },
)

GPT = Wired(
    read=frozenset(
        {
            *("vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner"),
            "layer_norm_epsilon",
        }
    ),
    only={
        "model_type": ("gpt2",),
        "activation_function": ("gelu_new",),
        "tie_word_embeddings": (True,),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "block_order": ("gpt2", "gpt1"),
    },
)


def check_wired(config: Any, wired: Wired) -> None:
    """Raise ExportError for a setting with a value that no exporter has been written for.

    A setting that is not known here may have its class's default, with which the exporters were
    tested, and no other value.
    """
    settings: dict[str, Any] = config.to_dict()
    usual: dict[str, Any] = type(config)().to_dict()
    for name, found in settings.items():
        if name in wired.read or name in WITHOUT_EFFECT:
            continue
        expected = wired.only.get(name, (usual.get(name),))
        if found not in expected:
            raise ExportError(
                f"expected a model with {name} {' or '.join(map(repr, expected))}, "
                f"found {found!r}; train one of the presets of pretrain.model"
            )


def rotary_base(config: Any) -> float:
    """Base of the rotary positions' frequencies; ExportError for positions of another kind."""
    rope: dict[str, Any] = dict(config.rope_parameters)
    base = float(rope.pop("rope_theta"))
    if rope != {"rope_type": "default"}:
        raise ExportError(
            f"expected rotary positions of rope_type default and no other setting, found {rope}; "
            "train one of the presets of pretrain.model"
        )
    return base
