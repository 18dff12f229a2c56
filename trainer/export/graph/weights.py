"""Reads the weights back out of a llama-style bundle's graph.

What was quantized comes back as the floats that its codes stand for, under transformers' names, so
that other programs and other precisions can be given the very weights that are served.

Shapes: N rows (outputs) and K columns (inputs) of a matrix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ExportError
from trainer.export.graph.quantize import BlockQuantized, unpack

Weights = NDArray[np.float32]

JOINED = {
    "self_attn.q_k_v": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "mlp.gate_up": ("mlp.gate_proj", "mlp.up_proj"),
}
"""Matrices that the graph holds as one, by the end of its name there."""


@dataclass(frozen=True, slots=True)
class NetworkWeights:
    """A network without its framework."""

    config: Any
    """transformers' configuration."""
    weights: dict[str, Weights]
    """By transformers' names; the tied head is the embedding and stands here once."""


@dataclass(frozen=True, slots=True)
class GraphParts:
    """What is read off a graph."""

    tensors: Mapping[str, NDArray[Any]]
    """Initializers by name."""
    attributes: Mapping[str, Mapping[str, Any]]
    """Attributes of each operation, by the operation's name."""

    def matrix(self, name: str) -> Weights:
        """A matrix [N, K], whatever its precision; `name` is its product's."""
        if name in self.tensors:
            return self.tensors[name]
        if f"{name}.weight" in self.tensors:
            return np.ascontiguousarray(self.tensors[f"{name}.weight"].T)
        codes_NBW, scales_NB = self.tensors[f"{name}.codes"], self.tensors[f"{name}.scales"]
        facts = self.attributes["logits" if name == "embedding" else name]
        bits, block, columns = facts["bits"], facts["block_size"], facts["K"]
        return unpack(BlockQuantized(codes_NBW, scales_NB, bits, block, columns))


def read_weights(model: Path) -> NetworkWeights:
    """Configuration and float32 weights of a llama-style graph that `export` wrote.

    Raises ExportError for any other graph, and for one of `int8_rows`, which does not say how its
    codes are laid out.
    """
    parts = read_parts(model)
    try:
        return NetworkWeights(read_config(parts), dict(named_weights(parts)))
    except KeyError as exc:
        raise ExportError(
            f"{model}: expected a llama-style graph that lory-train export wrote, found none of "
            f"the name {exc}; give a bundle of architecture llama"
        ) from exc


def read_parts(model: Path) -> GraphParts:
    """Initializers and attributes."""
    import onnx
    from onnx import helper

    graph = onnx.load(str(model)).graph
    tensors = {tensor.name: whole_float(tensor) for tensor in graph.initializer}
    attributes = {
        node.name: {item.name: helper.get_attribute_value(item) for item in node.attribute}
        for node in [*graph.node, *branch_nodes(graph)]
    }
    return GraphParts(tensors, attributes)


def whole_float(tensor: Any) -> NDArray[Any]:
    """An initializer's values; 16-bit floats as float32."""
    from onnx import numpy_helper

    array: NDArray[Any] = numpy_helper.to_array(tensor)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def branch_nodes(graph: Any) -> list[Any]:
    """The operations of the way that a few tokens take, where there are two."""
    return [
        node
        for outer in graph.node
        for item in outer.attribute
        if item.name == "else_branch"
        for node in item.g.node
    ]


def read_config(parts: GraphParts) -> Any:
    """transformers' LlamaConfig, in its names and defaults."""
    from transformers import LlamaConfig

    from trainer.model.networks import sentinel_ids

    attention = parts.attributes["attention.0"]
    embedding_VD = parts.matrix("embedding")
    context, half = parts.tensors["cosines"].shape
    return LlamaConfig(
        vocab_size=len(embedding_VD),
        hidden_size=embedding_VD.shape[1],
        num_hidden_layers=sum(name.startswith("attention.") for name in parts.attributes),
        num_attention_heads=attention["num_heads"],
        num_key_value_heads=attention["kv_num_heads"],
        head_dim=2 * half,
        intermediate_size=parts.matrix("down.0").shape[1],
        max_position_embeddings=context,
        rms_norm_eps=parts.attributes["model.layers.0.input_layernorm.out"]["epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": read_theta(parts)},
        tie_word_embeddings=True,
        **sentinel_ids(),
    )


def read_theta(parts: GraphParts) -> float:
    """The base of the rotary positions' frequencies, from the second one's angle at position 1."""
    cosines, sines = parts.tensors["cosines"], parts.tensors["sines"]
    angle = np.arctan2(np.float64(sines[1, 1]), np.float64(cosines[1, 1]))
    return float(np.rint(angle ** -float(cosines.shape[1])))


def named_weights(parts: GraphParts) -> list[tuple[str, Weights]]:
    """Every weight under transformers' name."""
    attention = parts.attributes["attention.0"]
    width = 2 * parts.tensors["cosines"].shape[1]
    query, kv = attention["num_heads"] * width, attention["kv_num_heads"] * width
    layers = sum(name.startswith("attention.") for name in parts.attributes)
    named = [("model.embed_tokens.weight", parts.matrix("embedding"))]
    for layer in range(layers):
        part = f"model.layers.{layer}"
        for joined, names in JOINED.items():
            matrix_NK = parts.matrix(f"{part}.{joined}")
            cuts = [query, query + kv] if len(names) == 3 else [len(matrix_NK) // 2]
            pieces = np.split(matrix_NK, cuts)
            named += [(f"{part}.{n}.weight", p) for n, p in zip(names, pieces, strict=True)]
        named.append((f"{part}.self_attn.o_proj.weight", parts.matrix(f"output.{layer}")))
        named.append((f"{part}.mlp.down_proj.weight", parts.matrix(f"down.{layer}")))
        for norm in ("input_layernorm", "post_attention_layernorm"):
            named.append((f"{part}.{norm}.weight", parts.tensors[f"{part}.{norm}"]))
    return [*named, ("model.norm.weight", parts.tensors["model.norm"])]
