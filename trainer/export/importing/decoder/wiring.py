"""Writes the ONNX graph of a `Decoder`, whatever its switches say.

Shapes are those of trainer/export/graph/builder.py.
"""

from dataclasses import dataclass, replace

import numpy as np
import onnx

from lsp_server.engines.decoder import (
    INPUT_IDS,
    LAST_POSITION,
    LOGITS,
    PAST,
    PRESENT,
    TOTAL_LENGTH,
)
from trainer.export.graph.builder import MICROSOFT, GraphBuilder, Precision
from trainer.export.graph.int8_branches import wire_body
from trainer.export.importing.decoder.shape import (
    EMBEDDING,
    FINAL_NORM,
    HEAD,
    POSITIONS,
    Activation,
    Decoder,
    Shape,
    head_norm_names,
    layer_norm_names,
    outer_norm_names,
    qkv_name,
    up_name,
)

ACTIVATIONS: dict[Activation, tuple[str, str, dict[str, float]]] = {
    "silu": ("QuickGelu", MICROSOFT, {"alpha": 1.0}),
    "gelu": ("Gelu", MICROSOFT, {}),
    "gelu_tanh": ("FastGelu", MICROSOFT, {}),
    "relu": ("Relu", "", {}),
}
"""Operation, its domain and attributes."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """A decoder on its way into a graph."""

    decoder: Decoder
    builder: GraphBuilder
    rotary: tuple[tuple[str, str], ...] = ()
    """Names of the stored tables."""

    @property
    def shape(self) -> Shape:
        """The decoder's."""
        return self.decoder.shape


def wire_decoder(decoder: Decoder, precision: Precision) -> onnx.ModelProto:
    """The graph, with KV buffers of the shape's context."""
    builder, shape = GraphBuilder(precision), decoder.shape
    tables = tuple(store_rotary(builder, decoder, at) for at in range(len(decoder.rotary)))
    wiring = Wiring(decoder, builder, tables)
    x = wire_input(wiring)

    def body(part: GraphBuilder) -> str:
        return wire_layers(replace(wiring, builder=part), x)

    final = wire_body(builder, body, shape.hidden)
    wire_head(wiring, builder.wanted_positions(final))
    return builder.model(shape.vocabulary)


def store_rotary(builder: GraphBuilder, decoder: Decoder, at: int) -> tuple[str, str]:
    """Names of one table's cosines and sines."""
    table, end = decoder.rotary[at], f".{at}" if at else ""
    cosines = builder.constant(f"cosines{end}", table.cosines)
    return cosines, builder.constant(f"sines{end}", table.sines)


def wire_input(wiring: Wiring) -> str:
    """The embedded tokens, with learned positions where the model has them."""
    builder, shape, weights = wiring.builder, wiring.shape, wiring.decoder.weights
    builder.table(EMBEDDING, weights[EMBEDDING])
    x = builder.rows("embedded", EMBEDDING, INPUT_IDS, shape.hidden)
    if shape.embedding_scale != 1.0:
        scale = builder.constant("embedding.scale", np.array(shape.embedding_scale, np.float32))
        x = builder.op("Mul", [x, scale], "embedded.scaled")
    if shape.learned:
        builder.table(POSITIONS, weights[POSITIONS])
        placed = builder.rows("placed", POSITIONS, position_ids(builder), shape.hidden)
        x = builder.op("Add", [x, placed], "input")
    return x


def position_ids(builder: GraphBuilder) -> str:
    """Positions [S] of the call's tokens: those before the total length."""
    count = builder.op("Shape", [INPUT_IDS], "count", start=1, end=2)
    total = builder.op("Cast", [TOTAL_LENGTH], "total", to=onnx.TensorProto.INT64)
    first = builder.op("Sub", [total, builder.op("Squeeze", [count], "count.scalar")], "first")
    one = builder.constant("one", np.array(1, np.int64))
    return builder.op("Range", [first, total, one], "position_ids")


def wire_layers(wiring: Wiring, x: str) -> str:
    """All layers on `x`, and the last norm."""
    shape = wiring.shape
    if shape.parallel:
        return parallel_layers(wiring, x)
    if shape.place == "after":
        return after_layers(wiring, x)
    branch = norm(wiring, x, layer_norm_names(0)[0])
    for layer in range(shape.layers):
        attended, written = outer_norm_names(layer) if shape.place == "around" else ("", "")
        output = norm(wiring, attention(wiring, layer, branch), attended)
        branch, x = add_norm(wiring, (x, output), layer_norm_names(layer)[1])
        output = norm(wiring, mlp(wiring, layer, branch), written)
        branch, x = add_norm(wiring, (x, output), following_norm(shape, layer))
    return branch


def following_norm(shape: Shape, layer: int) -> str:
    """The norm that the next layer begins with, or the last one."""
    return FINAL_NORM if layer + 1 == shape.layers else layer_norm_names(layer + 1)[0]


def after_layers(wiring: Wiring, x: str) -> str:
    """GPT-1's order: the stream is normed after each sub-block, and not at the end."""
    for layer in range(wiring.shape.layers):
        first, second = layer_norm_names(layer)
        x, _ = add_norm(wiring, (x, attention(wiring, layer, x)), first)
        x, _ = add_norm(wiring, (x, mlp(wiring, layer, x)), second)
    return x


def parallel_layers(wiring: Wiring, x: str) -> str:
    """Attention and MLP side by side."""
    shape = wiring.shape
    branch = norm(wiring, x, layer_norm_names(0)[0])
    for layer in range(shape.layers):
        attended = attention(wiring, layer, branch)
        inner = branch if shape.shared_norm else norm(wiring, x, layer_norm_names(layer)[1])
        terms = [attended, mlp(wiring, layer, inner)]
        both = wiring.builder.op("Add", terms, f"both.{layer}")
        branch, x = add_norm(wiring, (x, both), following_norm(shape, layer))
    return branch


def norm(wiring: Wiring, x: str, name: str) -> str:
    """The norm with the weights `name` of `x`; `x` itself for no name."""
    if not name:
        return x
    rms = wiring.shape.norm == "rms"
    kind = "SimplifiedLayerNormalization" if rms else "LayerNormalization"
    inputs = [x, *norm_weights(wiring, name)]
    epsilon = wiring.shape.epsilon
    return wiring.builder.op(kind, inputs, f"{name}.out", axis=-1, epsilon=epsilon)


def add_norm(wiring: Wiring, terms: tuple[str, str], name: str) -> tuple[str, str]:
    """The norm of the sum of both terms, and the sum."""
    rms = wiring.shape.norm == "rms"
    kind = "SkipSimplifiedLayerNormalization" if rms else "SkipLayerNormalization"
    names = [f"{name}.out", "", "", f"{name}.sum"]
    inputs = [*terms, *norm_weights(wiring, name)]
    wiring.builder.outputs(kind, inputs, names, MICROSOFT, epsilon=wiring.shape.epsilon)
    return names[0], names[3]


def norm_weights(wiring: Wiring, name: str) -> list[str]:
    """Scale and, for LayerNorm, shift."""
    names = [name] if wiring.shape.norm == "rms" else [name, f"{name}.bias"]
    return [wiring.builder.constant(one, wiring.decoder.weights[one]) for one in names]


def linear(wiring: Wiring, x: str, name: str) -> str:
    """`x` times a matrix, and its bias where there is one."""
    weights = wiring.decoder.weights
    bias = f"{name}.bias"
    return wiring.builder.linear(x, name, weights[name], weights.get(bias))


def attention(wiring: Wiring, layer: int, x: str) -> str:
    """What attention writes; it extends the layer's KV buffers in place."""
    shape, builder = wiring.shape, wiring.builder
    projected = linear(wiring, x, qkv_name(layer))
    inputs = split_heads(wiring, layer, projected) if shape.head_norms else [projected, "", ""]
    cache = [1, shape.kv, shape.context, shape.width]
    suffixes = [f"k.{layer}", f"v.{layer}"]
    builder.caches += [(suffix, cache) for suffix in suffixes]
    table = shape.rotary[layer] if shape.rotary else -1
    turning = wiring.rotary[table] if table >= 0 else ()
    inputs += [*(PAST + suffix for suffix in suffixes), LAST_POSITION, TOTAL_LENGTH, *turning]
    settings: dict[str, float] = {
        "num_heads": shape.query,
        "kv_num_heads": shape.kv,
        "scale": shape.scales[layer],
        "do_rotary": int(bool(turning)),
    }
    if shape.windows and 0 < shape.windows[layer] < shape.context:
        settings["local_window_size"] = shape.windows[layer]
    if shape.attention_softcap:
        settings["softcap"] = shape.attention_softcap
    names = [f"attention.{layer}", *(PRESENT + suffix for suffix in suffixes)]
    builder.outputs("GroupQueryAttention", inputs, names, MICROSOFT, **settings)
    return linear(wiring, names[0], f"output.{layer}")


def split_heads(wiring: Wiring, layer: int, projected: str) -> list[str]:
    """Queries, keys and values apart, the first two normed head by head."""
    shape, builder = wiring.shape, wiring.builder
    widths = [shape.query * shape.width, shape.kv * shape.width]
    names = [f"query.{layer}", f"key.{layer}", f"value.{layer}"]
    builder.outputs("Split", [projected, builder.integers(*widths, widths[1])], names, axis=-1)
    heads = zip(names, head_norm_names(layer), (shape.query, shape.kv), strict=False)
    return [*(head_norm(wiring, x, name, count) for x, name, count in heads), names[2]]


def head_norm(wiring: Wiring, x: str, name: str, heads: int) -> str:
    """RMSNorm over each of `heads`."""
    builder, width = wiring.builder, wiring.shape.width
    apart = builder.op("Reshape", [x, builder.integers(1, -1, heads, width)], f"{x}.heads")
    inputs = [apart, builder.constant(name, wiring.decoder.weights[name])]
    kind, epsilon = "SimplifiedLayerNormalization", wiring.shape.epsilon
    normed = builder.op(kind, inputs, f"{name}.out", axis=-1, epsilon=epsilon)
    return builder.op("Reshape", [normed, builder.integers(1, -1, heads * width)], f"{x}.normed")


def mlp(wiring: Wiring, layer: int, x: str) -> str:
    """down(activation(gate(x)) * up(x)), or down(activation(up(x)))."""
    builder, shape = wiring.builder, wiring.shape
    inner = linear(wiring, x, up_name(layer))
    kind, domain, settings = ACTIVATIONS[shape.activation]
    if not shape.gated:
        inner = builder.op(kind, [inner], f"{shape.activation}.{layer}", domain, **settings)
        return linear(wiring, inner, f"down.{layer}")
    names = [f"gate.{layer}", f"up.{layer}"]
    builder.outputs("Split", [inner], names, axis=-1, num_outputs=2)
    gate = builder.op(kind, names[:1], f"{shape.activation}.{layer}", domain, **settings)
    product = builder.op("Mul", [gate, names[1]], f"gated.{layer}")
    return linear(wiring, product, f"down.{layer}")


def wire_head(wiring: Wiring, x: str) -> str:
    """The logits, against the embedding or a table of their own."""
    builder, shape, weights = wiring.builder, wiring.shape, wiring.decoder.weights
    steps = [f"{HEAD}.bias"] * (f"{HEAD}.bias" in weights) + ["softcap"] * bool(shape.logit_softcap)
    table = EMBEDDING if shape.tied else HEAD
    if not shape.tied:
        builder.table(HEAD, weights[HEAD])
    name = builder.tied_head(x, table, "logits.raw" if steps else LOGITS)
    for step in steps:
        last = LOGITS if step == steps[-1] else "logits.biased"
        if step == "softcap":
            cap = builder.float32(step, np.array(shape.logit_softcap, np.float32))
            curved = builder.op("Tanh", [builder.op("Div", [name, cap], "capped.in")], "capped")
            name = builder.op("Mul", [curved, cap], last)
        else:
            stored = builder.float32(step, weights[step])
            name = builder.op("Add", [name, stored], last)
    return name
