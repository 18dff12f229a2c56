"""Llama and its kin as their papers say: Mistral, Qwen, Granite, Gemma, StarCoder 2."""

from collections.abc import Sequence

import numpy as np

from trainer.export.importing.decoder.rotary import check_rope, read_rope
from trainer.export.importing.reference.curves import bend
from trainer.export.importing.reference.layers import (
    Array,
    Attending,
    Network,
    Settings,
    attend,
    head,
    split_heads,
    turn,
)


def llama_logits(network: Network, ids: Sequence[int]) -> Array:
    """Llama (Touvron et al. 2023) and its kin."""
    settings, kind = network.settings, network.kind
    x = network.get("model.embed_tokens.weight")[list(ids)]
    x = x * settings.get("embedding_multiplier", 1.0)
    if kind.startswith("gemma"):
        x = x * settings["hidden_size"] ** 0.5
    factor = settings.get("residual_multiplier", 1.0)
    for layer in range(settings["num_hidden_layers"]):
        part = f"model.layers.{layer}"
        attended = llama_attention(network, layer, normed(network, x, f"{part}.input_layernorm"))
        after = f"{part}.post_attention_layernorm"
        if kind in ("gemma2", "gemma3_text"):
            x = x + normed(network, attended, after)
            inner = llama_mlp(
                network, part, normed(network, x, f"{part}.pre_feedforward_layernorm")
            )
            x = x + normed(network, inner, f"{part}.post_feedforward_layernorm")
        else:
            x = x + attended * factor
            x = x + llama_mlp(network, part, normed(network, x, after)) * factor
    logits: Array = head(network, normed(network, x, "model.norm"), "model.embed_tokens")
    logits = logits / settings.get("logits_scaling", 1.0)
    cap = settings.get("final_logit_softcapping")
    capped: Array = np.tanh(logits / cap) * cap if cap else logits
    return capped


def normed(network: Network, x: Array, name: str) -> Array:
    """The norm of the architecture."""
    if network.kind == "starcoder2":
        return network.layer_norm(x, name, network.settings["norm_epsilon"])
    return network.rms_norm(x, name)


def llama_attention(network: Network, layer: int, x: Array) -> Array:
    """What one layer's attention writes."""
    settings, part = network.settings, f"model.layers.{layer}.self_attn"
    heads = settings["num_attention_heads"]
    kv = settings["num_key_value_heads"] or heads
    q, k, v = (
        split_heads(network.linear(x, f"{part}.{name}_proj"), count)
        for name, count in (("q", heads), ("k", kv), ("v", kv))
    )
    if network.kind in ("qwen3", "gemma3_text"):
        q, k = network.rms_norm(q, f"{part}.q_norm"), network.rms_norm(k, f"{part}.k_norm")
    width = q.shape[-1]
    local = is_local(network, layer)
    rope = layer_rope(network, layer, local)
    if rope is not None:
        q, k = turn(q, rope, width), turn(k, rope, width)
    scale = settings.get("attention_multiplier")
    if scale is None:
        scale = (settings.get("query_pre_attn_scalar") or width) ** -0.5
    window = (settings.get("sliding_window") or 0) if local else 0
    how = Attending(scale, window, settings.get("attn_logit_softcapping") or 0.0)
    return network.linear(attend(q, k, v, how), f"{part}.o_proj")


def is_local(network: Network, layer: int) -> bool:
    """Whether a layer sees a window alone."""
    settings, kind = network.settings, network.kind
    if kind in ("mistral", "starcoder2"):
        return True
    if "use_sliding_window" in settings and not settings["use_sliding_window"]:
        return False
    if settings.get("layer_types"):
        return bool(settings["layer_types"][layer] == "sliding_attention")
    if kind == "gemma2":
        return layer % 2 == 0
    if kind == "gemma3_text":
        every = settings.get("sliding_window_pattern") or settings["_sliding_window_pattern"]
        return bool((layer + 1) % every)
    first = settings.get("max_window_layers")
    return first is not None and layer >= first


def layer_rope(network: Network, layer: int, local: bool) -> Settings | None:
    """The rotary positions of a layer; None where it has none."""
    settings = network.settings
    longest = settings["max_position_embeddings"]
    if network.kind == "smollm3":
        listed = settings["no_rope_layers"]
        every = settings["no_rope_layer_interval"]
        if not (listed[layer] if listed else (layer + 1) % every):
            return None
    if network.kind == "gemma3_text":
        given = (settings.get("rope_parameters") or {}).get(
            "sliding_attention" if local else "full_attention"
        )
        if given:
            return check_rope(dict(given), longest)
        if local:
            return {"rope_type": "default", "rope_theta": settings["rope_local_base_freq"]}
    return read_rope(settings, longest)


def llama_mlp(network: Network, part: str, x: Array) -> Array:
    """SwiGLU and the like (Shazeer 2020), or a plain MLP."""
    settings = network.settings
    name = settings.get("hidden_activation") or settings["hidden_act"]
    if network.kind.startswith("gemma") and name == "gelu":
        name = "gelu_pytorch_tanh"
    if network.kind == "starcoder2":
        inner = bend(name, network.linear(x, f"{part}.mlp.c_fc"))
        return network.linear(inner, f"{part}.mlp.c_proj")
    gate = bend(name, network.linear(x, f"{part}.mlp.gate_proj"))
    return network.linear(gate * network.linear(x, f"{part}.mlp.up_proj"), f"{part}.mlp.down_proj")
