"""Exports transformers' decoders (llama-style, GPT-2, GPT-1) as ONNX graphs.

Shapes are those of trainer/export/graph/builder.py.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from lsp_server.engines.decoder import INPUT_IDS, TOTAL_LENGTH
from trainer.errors import ExportError
from trainer.export.graph.builder import MICROSOFT, GraphBuilder, Heads, Precision
from trainer.export.graph.int8_branches import wire_body
from trainer.export.graph.weights import NetworkWeights
from trainer.export.graph.wired import GPT, LLAMA, check_wired, rotary_base

EMBEDDING, POSITIONS = "embedding", "positions"

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """A model to be wired: its configuration, its weights by name, and the graph they go to."""

    config: Any
    weights: dict[str, Weights]
    builder: GraphBuilder


def build_decoder(model: Any, precision: Precision) -> onnx.ModelProto:
    """The graph of `model`, with KV buffers of its full context.

    Raises ExportError for an architecture, or a variant of one, that has no exporter.
    """
    return build_graph(read_model(model), precision)


def read_model(model: Any) -> NetworkWeights:
    """Configuration and float32 weights of a transformers model."""
    state = model.state_dict()
    weights = {name: tensor.detach().float().cpu().numpy() for name, tensor in state.items()}
    return NetworkWeights(model.config, weights)


def build_graph(source: NetworkWeights, precision: Precision) -> onnx.ModelProto:
    """The graph of a network, wherever its weights come from; ExportError as above."""
    exporters = {"llama": wire_llama, "gpt2": wire_gpt}
    kind = source.config.model_type
    if kind not in exporters:
        raise ExportError(
            f"expected a model of type {' or '.join(exporters)}, found {kind}; "
            "train one of the presets of pretrain.model"
        )
    network = Network(source.config, source.weights, GraphBuilder(precision))
    exporters[kind](network)
    return network.builder.model(source.config.vocab_size)


def wire_llama(network: Network) -> None:
    """RMSNorm before each sub-block, rotary positions, SwiGLU, no biases, tied head."""
    config, builder = network.config, network.builder
    check_wired(config, LLAMA)
    query, kv = config.num_attention_heads, config.num_key_value_heads
    heads = Heads(query, kv, config.head_dim, config.max_position_embeddings)
    rotary = store_rotary(builder, heads, rotary_base(config))
    builder.table(EMBEDDING, network.weights["model.embed_tokens.weight"])
    x = builder.rows("embedded", EMBEDDING, INPUT_IDS, config.hidden_size)

    def body(part: GraphBuilder) -> str:
        return llama_layers(replace(network, builder=part), x, heads, rotary)

    final = wire_body(builder, body, config.hidden_size)
    builder.tied_head(builder.wanted_positions(final), EMBEDDING)


def llama_layers(network: Network, x: str, heads: Heads, rotary: tuple[str, str]) -> str:
    """All layers on the embedded tokens `x`, and the last norm."""
    config, builder = network.config, network.builder
    normed = rms_norm(network, x, "model.layers.0.input_layernorm")
    for layer in range(config.num_hidden_layers):
        part = f"model.layers.{layer}"
        qkv = joined_linear(network, normed, f"{part}.self_attn", ("q", "k", "v"))
        attended = builder.attention(layer, qkv, heads, rotary)
        output_NK = network.weights[f"{part}.self_attn.o_proj.weight"]
        written = builder.linear(attended, f"output.{layer}", output_NK)
        normed, x = add_rms_norm(network, (x, written), f"{part}.post_attention_layernorm")
        written = swiglu(network, normed, layer)
        last = layer + 1 == config.num_hidden_layers
        following = "model.norm" if last else f"model.layers.{layer + 1}.input_layernorm"
        normed, x = add_rms_norm(network, (x, written), following)
    return normed


def store_rotary(builder: GraphBuilder, heads: Heads, theta: float) -> tuple[str, str]:
    """Cosines and sines [C, width / 2] of rotary positions (Su et al. 2021)."""
    frequencies = theta ** -(np.arange(0, heads.width, 2) / heads.width)
    angles = np.arange(heads.context)[:, None] * frequencies
    cosines = builder.constant("cosines", np.cos(angles).astype(np.float32))
    return cosines, builder.constant("sines", np.sin(angles).astype(np.float32))


def rms_norm(network: Network, x: str, norm: str) -> str:
    """RMSNorm (Zhang and Sennrich 2019) with the weights `norm`."""
    scale = network.builder.constant(norm, network.weights[f"{norm}.weight"])
    epsilon = network.config.rms_norm_eps
    kind = "SimplifiedLayerNormalization"
    return network.builder.op(kind, [x, scale], f"{norm}.out", axis=-1, epsilon=epsilon)


def add_rms_norm(network: Network, terms: tuple[str, str], norm: str) -> tuple[str, str]:
    """RMSNorm of the sum of both terms, and the sum."""
    scale = network.builder.constant(norm, network.weights[f"{norm}.weight"])
    names = [f"{norm}.out", "", "", f"{norm}.sum"]
    epsilon = network.config.rms_norm_eps
    kind = "SkipSimplifiedLayerNormalization"
    network.builder.outputs(kind, [*terms, scale], names, MICROSOFT, epsilon=epsilon)
    return names[0], names[3]


def joined_linear(network: Network, x: str, part: str, names: tuple[str, ...]) -> str:
    """Several projections of the same input as one product, their outputs side by side."""
    joined_NK = np.concatenate([network.weights[f"{part}.{name}_proj.weight"] for name in names])
    return network.builder.linear(x, f"{part}.{'_'.join(names)}", joined_NK)


def swiglu(network: Network, x: str, layer: int) -> str:
    """The MLP: down(silu(gate(x)) * up(x))."""
    builder, part = network.builder, f"model.layers.{layer}.mlp"
    joined = joined_linear(network, x, part, ("gate", "up"))
    names = [f"gate.{layer}", f"up.{layer}"]
    builder.outputs("Split", [joined], names, axis=-1, num_outputs=2)
    gate = builder.op("QuickGelu", names[:1], f"silu.{layer}", MICROSOFT, alpha=1.0)
    product = builder.op("Mul", [gate, names[1]], f"gated.{layer}")
    return builder.linear(product, f"down.{layer}", network.weights[f"{part}.down_proj.weight"])


def wire_gpt(network: Network) -> None:
    """GPT-2: layer norm before each sub-block and at the end. GPT-1: after each sub-block."""
    config, builder = network.config, network.builder
    check_wired(config, GPT)
    count, width = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    heads = Heads(count, count, width, config.n_positions)
    builder.table(EMBEDDING, network.weights["transformer.wte.weight"])
    builder.table(POSITIONS, network.weights["transformer.wpe.weight"])
    token = builder.rows("embedded", EMBEDDING, INPUT_IDS, config.hidden_size)
    place = builder.rows("placed", POSITIONS, position_ids(builder), config.hidden_size)
    x = builder.op("Add", [token, place], "input")

    def body(part: GraphBuilder) -> str:
        return gpt_layers(replace(network, builder=part), x, heads)

    final = wire_body(builder, body, config.hidden_size)
    builder.tied_head(builder.wanted_positions(final), EMBEDDING)


def gpt_layers(network: Network, x: str, heads: Heads) -> str:
    """All layers on the embedded tokens `x`, and the last norm."""
    config, builder = network.config, network.builder
    before = getattr(config, "block_order", "gpt2") == "gpt2"
    branch = layer_norm(network, x, "transformer.h.0.ln_1") if before else x
    for layer in range(config.num_hidden_layers):
        part = f"transformer.h.{layer}"
        attended = builder.attention(
            layer, conv1d(network, branch, f"{part}.attn.c_attn"), heads, ()
        )
        written = conv1d(network, attended, f"{part}.attn.c_proj")
        middle = f"{part}.ln_2" if before else f"{part}.ln_1"
        branch, total = add_layer_norm(network, (x, written), middle)
        x = total if before else branch
        inner = conv1d(network, branch, f"{part}.mlp.c_fc")
        curved = builder.op("FastGelu", [inner], f"{part}.gelu", MICROSOFT)
        written = conv1d(network, curved, f"{part}.mlp.c_proj")
        branch, total = add_layer_norm(network, (x, written), end_norm(config, layer, before))
        x = total if before else branch
    return branch


def end_norm(config: Any, layer: int, before: bool) -> str:
    """The layer norm that follows a block's MLP."""
    if not before:
        return f"transformer.h.{layer}.ln_2"
    last = layer + 1 == config.num_hidden_layers
    return "transformer.ln_f" if last else f"transformer.h.{layer + 1}.ln_1"


def position_ids(builder: GraphBuilder) -> str:
    """Positions [S] of the call's tokens: those before the total length."""
    count = builder.op("Shape", [INPUT_IDS], "count", start=1, end=2)
    total = builder.op("Cast", [TOTAL_LENGTH], "total", to=onnx.TensorProto.INT64)
    first = builder.op("Sub", [total, builder.op("Squeeze", [count], "count.scalar")], "first")
    one = builder.constant("one", np.array(1, np.int64))
    return builder.op("Range", [first, total, one], "position_ids")


def layer_norm(network: Network, x: str, norm: str) -> str:
    """LayerNorm with the weights `norm`."""
    epsilon = network.config.layer_norm_epsilon
    inputs = [x, *norm_weights(network, norm)]
    kind = "LayerNormalization"
    return network.builder.op(kind, inputs, f"{norm}.out", axis=-1, epsilon=epsilon)


def add_layer_norm(network: Network, terms: tuple[str, str], norm: str) -> tuple[str, str]:
    """LayerNorm of the sum of both terms, and the sum."""
    names = [f"{norm}.out", "", "", f"{norm}.sum"]
    inputs = [*terms, *norm_weights(network, norm)]
    epsilon = network.config.layer_norm_epsilon
    kind = "SkipLayerNormalization"
    network.builder.outputs(kind, inputs, names, MICROSOFT, epsilon=epsilon)
    return names[0], names[3]


def norm_weights(network: Network, norm: str) -> list[str]:
    """Scale and shift of a LayerNorm."""
    return [
        network.builder.constant(f"{norm}.{name}", network.weights[f"{norm}.{name}"])
        for name in ("weight", "bias")
    ]


def conv1d(network: Network, x: str, name: str) -> str:
    """GPT-2's linear layer, whose matrix transformers stores as [K, N]."""
    matrix_KN, bias_N = network.weights[f"{name}.weight"], network.weights[f"{name}.bias"]
    return network.builder.linear(x, name, matrix_KN.T, bias_N)
