"""GPT-2 and its kin as their papers say: GPT-BigCode, GPT-NeoX, CodeGen."""

from collections.abc import Sequence

import numpy as np

from trainer.export.importing.decoder.rotary import read_rope
from trainer.export.importing.reference.curves import bend
from trainer.export.importing.reference.layers import (
    Array,
    Attending,
    Network,
    attend,
    head,
    split_heads,
    turn,
)


def gpt2_logits(network: Network, ids: Sequence[int]) -> Array:
    """GPT-2 (Radford et al. 2019), GPT-1's order, and GPT-BigCode (Allal et al. 2023)."""
    settings, bigcode = network.settings, network.kind == "gpt_bigcode"
    base = "transformer." if "transformer.wte.weight" in network.tensors else ""
    heads, epsilon = settings["n_head"], settings["layer_norm_epsilon"]
    width = settings["n_embd"] // heads
    layer_linear = network.linear if bigcode else network.conv1d
    after = settings.get("block_order") == "gpt1"
    x = network.get(f"{base}wte.weight")[list(ids)] + network.get(f"{base}wpe.weight")[: len(ids)]
    for layer in range(settings["n_layer"]):
        part = f"{base}h.{layer}"

        def mixed(x: Array, part: str = part, layer: int = layer) -> Array:
            qkv = layer_linear(x, f"{part}.attn.c_attn")
            scale = width**-0.5 if settings["scale_attn_weights"] else 1.0
            if settings.get("scale_attn_by_inverse_layer_idx"):
                scale /= layer + 1
            parts = gpt2_heads(qkv, heads, width, bigcode, bigcode and settings["multi_query"])
            return layer_linear(attend(*parts, Attending(scale)), f"{part}.attn.c_proj")

        def curved(x: Array, part: str = part) -> Array:
            inner = bend(settings["activation_function"], layer_linear(x, f"{part}.mlp.c_fc"))
            return layer_linear(inner, f"{part}.mlp.c_proj")

        for inner, name in ((mixed, f"{part}.ln_1"), (curved, f"{part}.ln_2")):
            if after:
                x = network.layer_norm(x + inner(x), name, epsilon)
            else:
                x = x + inner(network.layer_norm(x, name, epsilon))
    if not after:
        x = network.layer_norm(x, f"{base}ln_f", epsilon)
    return head(network, x, f"{base}wte")


def gpt2_heads(
    qkv: Array, heads: int, width: int, bigcode: bool, shared: bool
) -> tuple[Array, Array, Array]:
    """Queries, keys and values: side by side, head by head (bigcode), or with one key (shared)."""
    if shared:
        q, k, v = np.split(qkv, [heads * width, (heads + 1) * width], axis=-1)
        return split_heads(q, heads), split_heads(k, 1), split_heads(v, 1)
    if bigcode:
        q, k, v = np.moveaxis(qkv.reshape(len(qkv), heads, 3, width), 2, 0)
        return q, k, v
    q, k, v = np.split(qkv, 3, axis=-1)
    return split_heads(q, heads), split_heads(k, heads), split_heads(v, heads)


def neox_logits(network: Network, ids: Sequence[int]) -> Array:
    """GPT-NeoX (Black et al. 2022)."""
    settings = network.settings
    heads, epsilon = settings["num_attention_heads"], settings["layer_norm_eps"]
    width = settings["hidden_size"] // heads
    share = (settings.get("rope_parameters") or {}).get("partial_rotary_factor")
    share = share or settings["partial_rotary_factor"] or settings["rotary_pct"]
    older = {**settings, "rope_theta": settings["rope_theta"] or settings["rotary_emb_base"]}
    rope, turned = read_rope(older, settings["max_position_embeddings"]), int(width * share)
    x = network.get("gpt_neox.embed_in.weight")[list(ids)]
    for layer in range(settings["num_hidden_layers"]):
        part = f"gpt_neox.layers.{layer}"
        normed = network.layer_norm(x, f"{part}.input_layernorm", epsilon)
        qkv = network.linear(normed, f"{part}.attention.query_key_value")
        q, k, v = np.moveaxis(qkv.reshape(len(qkv), heads, 3, width), 2, 0)
        mixed = attend(turn(q, rope, turned), turn(k, rope, turned), v, Attending(width**-0.5))
        attended = network.linear(mixed, f"{part}.attention.dense")
        read = x if settings["use_parallel_residual"] else x + attended
        read = network.layer_norm(read, f"{part}.post_attention_layernorm", epsilon)
        inner = bend(settings["hidden_act"], network.linear(read, f"{part}.mlp.dense_h_to_4h"))
        x = x + attended + network.linear(inner, f"{part}.mlp.dense_4h_to_h")
    x = network.layer_norm(x, "gpt_neox.final_layer_norm", epsilon)
    own = "embed_out" if "embed_out.weight" in network.tensors else "lm_head"
    return head(network, x, "gpt_neox.embed_in", own)


def codegen_logits(network: Network, ids: Sequence[int]) -> Array:
    """CodeGen (Nijkamp et al. 2022): GPT-J's layers, each matrix laid out in four shards."""
    settings = network.settings
    heads, epsilon, turned = (
        settings["n_head"],
        settings["layer_norm_epsilon"],
        settings["rotary_dim"],
    )
    width = settings["n_embd"] // heads
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    x = network.get("transformer.wte.weight")[list(ids)]
    for layer in range(settings["n_layer"]):
        part = f"transformer.h.{layer}"
        normed = network.layer_norm(x, f"{part}.ln_1", epsilon)
        shards = network.linear(normed, f"{part}.attn.qkv_proj").reshape(len(x), 4, -1)
        q, v, k = (split_heads(y.reshape(len(x), -1), heads) for y in np.split(shards, 3, axis=-1))
        q, k = (turn(y, rope, turned, interleaved=True) for y in (q, k))
        mixed = attend(q, k, v, Attending(width**-0.5))
        inner = bend(settings["activation_function"], network.linear(normed, f"{part}.mlp.fc_in"))
        written = network.linear(inner, f"{part}.mlp.fc_out")
        x = x + network.linear(mixed, f"{part}.attn.out_proj") + written
    x = network.layer_norm(x, "transformer.ln_f", epsilon)
    return head(network, x, "transformer.wte")
