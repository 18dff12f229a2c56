"""Gives an int8 graph two branches: one for few tokens, one for long prompts.

A few tokens (decoding, a draft to verify) are bound by memory: `MatMulNBits` reads the codes as
they lie and rounds activations in blocks. Many tokens (a prompt) are bound by arithmetic: products
of whole int8 matrices are twice as fast there, their activations rounded row by row. So `int8` has
the body twice, over the same codes, behind an `If`. In either way a token's values do not depend on
the other tokens of its call.

Shapes: S tokens of a call, K and N a matrix's inputs and outputs, D width.
"""

from collections.abc import Callable

import numpy as np
from onnx import GraphProto, TensorProto, helper

from lsp_server.engines.decoder import INPUT_IDS, PRESENT
from lsp_server.engines.prompt_cache import FEW_TOKENS
from trainer.export.graph.builder import MICROSOFT, GraphBuilder, cache_info

Body = Callable[[GraphBuilder], str]
"""Wires the layers into the builder it gets, and gives the name of their last output [1, S, D]."""


def wire_body(builder: GraphBuilder, body: Body, width: int) -> str:
    """The body's output, whichever way it is computed."""
    if builder.precision == "int8_rows":
        builder.product = wide_product
    if builder.precision != "int8":
        return body(builder)
    many, few = builder.branch(wide_product), builder.branch(None)
    then_branch = branch_graph(many, body, width)
    else_branch = branch_graph(few, body, width)
    builder.caches += few.caches
    count = builder.op("Size", [INPUT_IDS], "tokens")
    limit = builder.constant("few_tokens", np.array(FEW_TOKENS, np.int64))
    is_long = builder.op("Greater", [count, limit], "is_long")
    names = ["body", *(PRESENT + suffix for suffix, _ in builder.caches)]
    builder.outputs("If", [is_long], names, then_branch=then_branch, else_branch=else_branch)
    return names[0]


def branch_graph(builder: GraphBuilder, body: Body, width: int) -> GraphProto:
    """One of the ways, which reads the outer graph's tensors by their names."""
    last = body(builder)
    outputs = [
        helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, "S", width]),
        *(cache_info(PRESENT + suffix, shape, builder.element) for suffix, shape in builder.caches),
    ]
    return helper.make_graph(builder.nodes, "many" if builder.product else "few", [], outputs)


def wide_product(builder: GraphBuilder, x: str, name: str, stored: str) -> str:
    """`x @ matrix.T` by int8 products of whole rows, whose scales are taken out afterwards."""
    codes, scales = round_rows(builder, x)
    one, middle = builder.constant("one.scale", np.array(1, np.float32)), middle_code(builder, ())
    inputs = [codes, *wide_matrix(builder, stored, one), middle]
    product = builder.op("MatMulIntegerToFloat", inputs, f"{name}.steps", MICROSOFT)
    return builder.op("Mul", [product, scales], name)


def round_rows(builder: GraphBuilder, x: str) -> tuple[str, str]:
    """Codes of `x` in 8 bits around 128, and the scale [1, S, 1] of each row.

    A row of zeros has scale 0: whatever its codes come to, 0 times their product is 0. What several
    products read (blocks side by side) is rounded once.
    """
    if any(node.name == f"{x}.codes" for node in builder.nodes):
        return f"{x}.codes", f"{x}.scales"
    sizes = builder.op("Abs", [x], f"{x}.sizes")
    peaks = builder.op("ReduceMax", [sizes, builder.integers(-1)], f"{x}.peaks", keepdims=1)
    step = builder.constant("one_127th", np.array(1 / 127, np.float32))
    scales = builder.op("Mul", [peaks, step], f"{x}.scales")
    scales_S = builder.op("Reshape", [scales, builder.integers(-1)], f"{x}.row_scales")
    inputs = [x, scales_S, row_middles(builder, scales_S)]
    codes = builder.op("QuantizeLinear", inputs, f"{x}.codes", axis=1)
    return codes, scales


def row_middles(builder: GraphBuilder, rows: str) -> str:
    """128 for each of `rows` [S], made once."""
    name = "row_middles"
    if any(node.name == name for node in builder.nodes):
        return name
    shape = builder.op("Shape", [rows], "row_count")
    return builder.op("Expand", [middle_code(builder, (1,)), shape], name)


def middle_code(builder: GraphBuilder, shape: tuple[int, ...]) -> str:
    """128, the code of 0, as a tensor of this shape."""
    name = f"middle_code.{len(shape)}"
    return builder.constant(name, np.full(shape, 128, np.uint8))


def wide_matrix(builder: GraphBuilder, stored: str, one: str) -> list[str]:
    """A stored matrix as int8 [K, N], the activations' scale, and the rows' scales [N].

    The int8 matrix is not in the file: onnxruntime makes it of the codes once, while it loads.
    """
    quantized = builder.quantized[stored]
    name, rows = f"{stored}.wide", len(quantized.scales_NB)
    if name not in builder.derived:
        builder.derived.add(name)
        outer = builder.outer or builder
        flipped = [f"{stored}.codes", builder.constant("highest_bit", np.array(128, np.uint8))]
        signed = outer.op("BitwiseXor", flipped, f"{name}.signed")
        whole = outer.op("Reshape", [signed, builder.integers(rows, -1)], f"{name}.rows")
        ends = [builder.integers(0), builder.integers(quantized.columns), builder.integers(1)]
        cut = outer.op("Slice", [whole, *ends], f"{name}.cut")
        turned = outer.op("Transpose", [cut], f"{name}.turned", perm=[1, 0])
        outer.op("Cast", [turned], name, to=TensorProto.INT8)
        builder.constant(f"{name}.scales", np.ascontiguousarray(quantized.scales_NB[:, 0]))
    return [name, one, f"{name}.scales"]
