"""GPT-2 and its kin as settings of the one decoder: GPT-BigCode, GPT-NeoX, CodeGen."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.export.importing.decoder.collected import (
    Collected,
    finish,
    reorder_heads,
    rotary_order,
    split_by_head,
)
from trainer.export.importing.decoder.rotary import make_table, read_rope
from trainer.export.importing.decoder.settings import activation
from trainer.export.importing.decoder.shape import (
    EMBEDDING,
    FINAL_NORM,
    POSITIONS,
    Decoder,
    RotaryTable,
    Shape,
    Weights,
    layer_norm_names,
    qkv_name,
    up_name,
)

Tensors = Mapping[str, Weights]
Settings = Mapping[str, Any]


def make_gpt2(kind: str, settings: Settings, tensors: Tensors, context: int) -> Decoder:
    """GPT-2 with its flags, the same in GPT-1's order, and GPT-BigCode (SantaCoder, StarCoder)."""
    bigcode, layers, query = kind == "gpt_bigcode", settings["n_layer"], settings["n_head"]
    width = settings["n_embd"] // query
    scale = width**-0.5 if settings["scale_attn_weights"] else 1.0
    inverse = settings.get("scale_attn_by_inverse_layer_idx", False)
    shape = Shape(
        hidden=settings["n_embd"],
        layers=layers,
        query=query,
        kv=1 if bigcode and settings["multi_query"] else query,
        width=width,
        context=context,
        vocabulary=settings["vocab_size"],
        norm="layer",
        place="after" if settings.get("block_order") == "gpt1" else "before",
        epsilon=settings["layer_norm_epsilon"],
        learned=True,
        gated=False,
        activation=activation(settings, "activation_function"),
        scales=tuple(scale / (layer + 1 if inverse else 1) for layer in range(layers)),
        tied=bool(settings["tie_word_embeddings"]),
    )
    return Decoder(shape, collect_gpt2(shape, tensors, bigcode))


def collect_gpt2(shape: Shape, tensors: Tensors, bigcode: bool) -> Tensors:
    """Weights of a GPT-2-like checkpoint, with or without `transformer.` in front."""
    found = Collected(tensors)
    base = "transformer." if "transformer.wte.weight" in tensors else ""
    for layer in range(shape.layers):
        part = f"{base}h.{layer}"
        named = {
            qkv_name(layer): "attn.c_attn",
            f"output.{layer}": "attn.c_proj",
            up_name(layer): "mlp.c_fc",
            f"down.{layer}": "mlp.c_proj",
        }
        for name, source in named.items():
            found.put(name, f"{part}.{source}", None if bigcode else np.transpose)
        if bigcode and shape.kv > 1:
            found.change(qkv_name(layer), split_by_head(shape.query))
        for name, source in zip(layer_norm_names(layer), ("ln_1", "ln_2"), strict=True):
            found.put(name, f"{part}.{source}")
    if shape.place == "before":
        found.put(FINAL_NORM, f"{base}ln_f")
    found.table(EMBEDDING, f"{base}wte")
    place = found.take(f"{base}wpe.weight")
    found.makers[POSITIONS] = lambda: place()[: shape.context]
    return finish(found, shape, "lm_head")


def make_neox(kind: str, settings: Settings, tensors: Tensors, context: int) -> Decoder:
    """GPT-NeoX (Pythia): LayerNorm, biases, part of each head turns, both sub-blocks parallel."""
    layers, query = settings["num_hidden_layers"], settings["num_attention_heads"]
    width = settings["hidden_size"] // query
    given = settings.get("rope_parameters") or {}
    older = {**settings, "rope_theta": settings["rope_theta"] or settings["rotary_emb_base"]}
    rope = read_rope(older, settings["max_position_embeddings"])
    share = given.get("partial_rotary_factor") or settings["partial_rotary_factor"]
    turned = int(width * (share or settings["rotary_pct"]))
    shape = Shape(
        hidden=settings["hidden_size"],
        layers=layers,
        query=query,
        kv=query,
        width=width,
        context=context,
        vocabulary=settings["vocab_size"],
        norm="layer",
        epsilon=settings["layer_norm_eps"],
        rotary=(0,) * layers,
        parallel=bool(settings["use_parallel_residual"]),
        gated=False,
        activation=activation(settings, "hidden_act"),
        scales=(width**-0.5,) * layers,
        tied=bool(settings["tie_word_embeddings"]),
    )
    found = Collected(tensors)
    turn = reorder_heads(2 * query, rotary_order(width, turned, interleaved=False))
    for layer in range(layers):
        part = f"gpt_neox.layers.{layer}"
        sources = ("input_layernorm", "post_attention_layernorm")
        for name, source in zip(layer_norm_names(layer), sources, strict=True):
            found.put(name, f"{part}.{source}")
        found.put(qkv_name(layer), f"{part}.attention.query_key_value", split_by_head(query))
        found.change(qkv_name(layer), turn)
        found.put(f"output.{layer}", f"{part}.attention.dense")
        found.put(up_name(layer), f"{part}.mlp.dense_h_to_4h")
        found.put(f"down.{layer}", f"{part}.mlp.dense_4h_to_h")
    found.put(FINAL_NORM, "gpt_neox.final_layer_norm")
    found.table(EMBEDDING, "gpt_neox.embed_in")
    head = "embed_out" if "embed_out.weight" in tensors else "lm_head"
    tables = (make_table(rope, turned, width, context),)
    return Decoder(shape, finish(found, shape, head), tables)


def make_codegen(kind: str, settings: Settings, tensors: Tensors, context: int) -> Decoder:
    """CodeGen: one norm for both sub-blocks, pairs side by side, heads laid out in four shards."""
    layers, query = settings["n_layer"], settings["n_head"]
    width, turned = settings["n_embd"] // query, settings["rotary_dim"]
    shape = Shape(
        hidden=settings["n_embd"],
        layers=layers,
        query=query,
        kv=query,
        width=width,
        context=context,
        vocabulary=settings["vocab_size"],
        norm="layer",
        epsilon=settings["layer_norm_epsilon"],
        rotary=(0,) * layers,
        parallel=True,
        shared_norm=True,
        gated=False,
        activation=activation(settings, "activation_function"),
        scales=(width**-0.5,) * layers,
        tied=bool(settings["tie_word_embeddings"]),
    )
    found = Collected(tensors)

    def from_shards(array: Weights) -> Weights:
        apart = array.reshape(4, 3, -1, *array.shape[1:])  # each shard has its q, v, k
        return np.concatenate([apart[:, at].reshape(-1, *array.shape[1:]) for at in (0, 2, 1)])

    turn = reorder_heads(2 * query, rotary_order(width, turned, interleaved=True))
    for layer in range(layers):
        part = f"transformer.h.{layer}"
        found.put(layer_norm_names(layer)[0], f"{part}.ln_1")
        found.put(qkv_name(layer), f"{part}.attn.qkv_proj", from_shards)
        found.change(qkv_name(layer), turn)
        found.put(f"output.{layer}", f"{part}.attn.out_proj")
        found.put(up_name(layer), f"{part}.mlp.fc_in")
        found.put(f"down.{layer}", f"{part}.mlp.fc_out")
    found.put(FINAL_NORM, "transformer.ln_f")
    found.table(EMBEDDING, "transformer.wte")
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    tables: tuple[RotaryTable, ...] = (make_table(rope, turned, width, context),)
    return Decoder(shape, finish(found, shape, "lm_head"), tables)
