"""Architectures as settings of one decoder: a model's `config.json` and tensors become a `Decoder`.

What the decoder has no switch for is folded into the weights: multipliers, Gemma's norms of 1 + w,
the order in which a checkpoint lays out heads and rotary pairs.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trainer.errors import ImportModelError
from trainer.export.importing.decoder.collected import (
    Change,
    Collected,
    finish,
)
from trainer.export.importing.decoder.gpt_families import make_codegen, make_gpt2, make_neox
from trainer.export.importing.decoder.heads import pad_heads
from trainer.export.importing.decoder.rotary import check_rope, make_table, read_rope
from trainer.export.importing.decoder.settings import activation, read_settings
from trainer.export.importing.decoder.shape import (
    EMBEDDING,
    FINAL_NORM,
    Decoder,
    Shape,
    Weights,
    head_norm_names,
    layer_norm_names,
    outer_norm_names,
    qkv_name,
    up_name,
)

Tensors = Mapping[str, Weights]
Settings = Mapping[str, Any]

GEMMAS = ("gemma", "gemma2", "gemma3_text")
AROUND = ("gemma2", "gemma3_text")
HEAD_NORMS = ("qwen3", "gemma3_text")


def make_decoder(config: Settings, tensors: Tensors, context: int) -> Decoder:
    """The decoder of a configuration, with `context` positions or fewer where it has fewer.

    Raises ImportModelError for what is not understood of the configuration or of the tensors.
    """
    settings = read_settings(config)
    kind = config["model_type"]
    longest = settings.get("max_position_embeddings") or settings.get("n_positions")
    return pad_heads(MAKERS[kind](kind, settings, tensors, min(context, int(str(longest)))))


def times(factor: float) -> Change | None:
    """Multiplies a weight; None where that changes nothing."""
    return None if factor == 1.0 else lambda array: array * np.float32(factor)


def plus_one(array: Weights) -> Weights:
    """Gemma's norms store their scale less one."""
    return array + np.float32(1)


def make_llama(kind: str, settings: Settings, tensors: Tensors, context: int) -> Decoder:
    """Llama, and what differs from it in switches: Mistral, Qwen, Granite, Gemma, StarCoder 2."""
    layers, hidden = settings["num_hidden_layers"], settings["hidden_size"]
    query = settings["num_attention_heads"]
    width = settings["head_dim"] or hidden // query
    gemma, gated = kind in GEMMAS, kind != "starcoder2"
    longest = settings["max_position_embeddings"]
    types = settings.get("layer_types") or layer_types(kind, settings)
    ropes, which = llama_rotary(kind, settings, types, longest)
    curve = "hidden_activation" if settings.get("hidden_activation") else "hidden_act"
    shape = Shape(
        hidden=hidden,
        layers=layers,
        query=query,
        kv=settings["num_key_value_heads"] or query,
        width=width,
        context=context,
        vocabulary=settings["vocab_size"],
        norm="rms" if gated else "layer",
        place="around" if kind in AROUND else "before",
        epsilon=settings["rms_norm_eps"] if gated else settings["norm_epsilon"],
        rotary=which,
        gated=gated,
        activation="gelu_tanh"
        if gemma and settings[curve] == "gelu"
        else activation(settings, curve),
        scales=(attention_scale(settings, width),) * layers,
        windows=windows(kind, settings, types),
        attention_softcap=settings.get("attn_logit_softcapping") or 0.0,
        logit_softcap=settings.get("final_logit_softcapping") or 0.0,
        head_norms=kind in HEAD_NORMS,
        embedding_scale=math.sqrt(hidden) if gemma else settings.get("embedding_multiplier", 1.0),
        tied=bool(settings["tie_word_embeddings"]),
    )
    tables = tuple(make_table(rope, width, width, context) for rope in ropes)
    return Decoder(shape, collect_llama(shape, settings, tensors, gemma), tables)


def collect_llama(shape: Shape, settings: Settings, tensors: Tensors, gemma: bool) -> Tensors:
    """Weights of a Llama-like checkpoint."""
    found = Collected(tensors)
    residual = times(settings.get("residual_multiplier", 1.0))
    scaled = plus_one if gemma else None
    for layer in range(shape.layers):
        part = f"model.layers.{layer}"
        first, second = layer_norm_names(layer)
        found.put(first, f"{part}.input_layernorm", scaled)
        found.join(qkv_name(layer), [f"{part}.self_attn.{name}_proj" for name in "qkv"])
        found.put(f"output.{layer}", f"{part}.self_attn.o_proj", residual)
        around = shape.place == "around"
        middle = "pre_feedforward_layernorm" if around else "post_attention_layernorm"
        found.put(second, f"{part}.{middle}", scaled)
        if around:
            sources = ("post_attention_layernorm", "post_feedforward_layernorm")
            for name, source in zip(outer_norm_names(layer), sources, strict=True):
                found.put(name, f"{part}.{source}", scaled)
        if shape.head_norms:
            for name, source in zip(head_norm_names(layer), "qk", strict=True):
                found.put(name, f"{part}.self_attn.{source}_norm", scaled)
        if shape.gated:
            found.join(up_name(layer), [f"{part}.mlp.{name}_proj" for name in ("gate", "up")])
            found.put(f"down.{layer}", f"{part}.mlp.down_proj", residual)
        else:
            found.put(up_name(layer), f"{part}.mlp.c_fc")
            found.put(f"down.{layer}", f"{part}.mlp.c_proj")
    scaling = times(1 / settings.get("logits_scaling", 1.0))
    found.put(FINAL_NORM, "model.norm", scaled or scaling)
    found.table(EMBEDDING, "model.embed_tokens")
    return finish(found, shape, "lm_head")


def attention_scale(settings: Settings, width: int) -> float:
    """What the products of queries and keys are multiplied by."""
    if settings.get("attention_multiplier") is not None:
        return float(settings["attention_multiplier"])
    return float((settings.get("query_pre_attn_scalar") or width) ** -0.5)


def layer_types(kind: str, settings: Settings) -> list[str]:
    """Which layers see a window alone, where the configuration does not list them."""
    layers = settings["num_hidden_layers"]
    if kind in AROUND:
        pattern = settings.get("sliding_window_pattern") or settings.get("_sliding_window_pattern")
        every = 2 if kind == "gemma2" else int(pattern or 6)
        return ["sliding" * bool((layer + 1) % every) or "full" for layer in range(layers)]
    if kind in ("qwen2", "qwen3"):
        full = settings.get("max_window_layers")
        full = layers if full is None else int(full)
        return ["full" if layer < full else "sliding" for layer in range(layers)]
    return ["sliding" if kind in ("mistral", "starcoder2") else "full"] * layers


def windows(kind: str, settings: Settings, types: list[str]) -> tuple[int, ...]:
    """How many positions each layer sees; 0 for all."""
    window = settings.get("sliding_window") or 0
    if "use_sliding_window" in settings and not settings["use_sliding_window"]:
        window = 0
    return tuple(window if name.startswith("sliding") else 0 for name in types)


def llama_rotary(
    kind: str, settings: Settings, types: list[str], longest: int
) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
    """Settings of each rotary table, and which of them each layer has."""
    layers = settings["num_hidden_layers"]
    given = settings.get("rope_parameters") or {}
    if kind == "gemma3_text":
        local = given.get("sliding_attention") or {"rope_theta": settings["rope_local_base_freq"]}
        full = given.get("full_attention")
        whole = check_rope(dict(full), longest) if full else read_rope(settings, longest)
        ropes = [whole, check_rope(dict(local), longest)]
        return ropes, tuple(int(name.startswith("sliding")) for name in types)
    which = [0] * layers
    if "no_rope_layer_interval" in settings:
        every = settings["no_rope_layer_interval"]
        turned = settings["no_rope_layers"] or [(at + 1) % every for at in range(layers)]
        which = [0 if turns else -1 for turns in turned]
    rope = read_rope(settings, longest)
    if rope.get("partial_rotary_factor") not in (None, 1.0):
        raise ImportModelError(
            f"partial_rotary_factor: expected 1.0 of {kind}, found "
            f"{rope['partial_rotary_factor']!r}; it is not understood there"
        )
    return [rope], tuple(which)


MAKERS: dict[str, Callable[[str, Settings, Tensors, int], Decoder]] = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "granite", "smollm3"), make_llama),
    **dict.fromkeys((*GEMMAS, "starcoder2"), make_llama),
    **dict.fromkeys(("gpt2", "gpt_bigcode"), make_gpt2),
    "gpt_neox": make_neox,
    "codegen": make_codegen,
}
