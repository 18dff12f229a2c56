"""Builds an ONNX graph node by node, in one precision.

Shapes: S tokens of a call, T positions whose logits are wanted, D width, N and K a matrix's outputs
and inputs, V vocabulary, C positions in the KV buffers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lsp_server.engines.decoder import (
    INPUT_IDS,
    LAST_POSITION,
    LOGITS,
    LOGITS_FROM,
    PAST,
    PRESENT,
    TOTAL_LENGTH,
)
from trainer.export.graph.quantize import Bits, BlockQuantized, quantize_blocks, quantize_whole_rows

Quantization = Literal["int8", "int8_blocks", "int8_rows", "int4"]
"""int8: a scale for each row of a matrix; activations are rounded in blocks where a call has few
tokens, in rows where it has many. int8_blocks: a scale for each block, activations in blocks.
int8_rows: a scale for each row, activations in rows. int4: 4-bit blocks, embedding and head int8.
"""

Precision = Literal["fp32", "fp16"] | Quantization
FLOATS: frozenset[Precision] = frozenset(("fp32", "fp16"))
"""Precisions whose matrices are stored as they are; fp16 is what graphics processors want."""

OPSETS = {"": 18, "com.microsoft": 1}
IR_VERSION = 10
MICROSOFT = "com.microsoft"

INT8_COMPUTE = 4
"""MatMulNBits' accuracy level at which activations are rounded to int8 in blocks, row by row."""

Weights = NDArray[np.float32]

Product = Callable[["GraphBuilder", str, str, str], str]
"""Wires `x @ matrix.T` from the builder, x, the product's name and the stored matrix's."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Attention's shape."""

    query: int
    kv: int
    width: int
    context: int
    """Positions in the KV buffers."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """How matrices are quantized."""

    bits: Bits
    block: int
    whole_rows: bool = False
    """All blocks of a row share one scale."""


MATRIX_BLOCKS: dict[Precision, Blocks] = {
    "int8": Blocks(8, 64, whole_rows=True),
    "int8_rows": Blocks(8, 64, whole_rows=True),
    "int8_blocks": Blocks(8, 32),
    "int4": Blocks(4, 32),
}
TABLE_BLOCKS = Blocks(8, 32)
"""Of the embedding, which is the head too and suffers most from 4 bits."""


@dataclass(slots=True)
class GraphBuilder:
    """Collects nodes and initializers; every method gives the name of the tensor it adds."""

    precision: Precision
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, onnx.TensorProto] = field(default_factory=dict)
    caches: list[tuple[str, list[int]]] = field(default_factory=list)
    """Suffix of the name, such as `k.0`, and shape of each KV buffer."""
    quantized: dict[str, BlockQuantized] = field(default_factory=dict)
    """Stored matrices by name, without their codes, where the precision is none of FLOATS."""
    derived: set[str] = field(default_factory=set)
    """Matrices that are made of stored ones while the graph is loaded."""
    product: "Product | None" = None
    """What wires products by stored matrices; None for `MatMulNBits`."""
    outer: "GraphBuilder | None" = None
    """Whose branch this is."""

    @property
    def element(self) -> int:
        """ONNX's type of activations and KV buffers."""
        return int(TensorProto.FLOAT16 if self.precision == "fp16" else TensorProto.FLOAT)

    def branch(self, product: "Product | None") -> "GraphBuilder":
        """A builder of a graph inside this one, which stores its weights here."""
        return replace(self, nodes=[], caches=[], product=product, outer=self)

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A stored tensor, of float32 in the graph's own float; the same name is stored once."""
        if name not in self.initializers:
            if array.dtype == np.float32 and self.element == TensorProto.FLOAT16:
                array = array.astype(np.float16)
            self.initializers[name] = numpy_helper.from_array(array, name)
        return name

    def float32(self, name: str, array: NDArray[np.float32]) -> str:
        """A stored tensor that stays float32 whatever the precision, as logits do."""
        self.initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def integers(self, *values: int) -> str:
        """A stored int64 vector."""
        name = "int_" + "_".join(str(value) for value in values)
        return self.constant(name, np.array(values, np.int64))

    def op(
        self, kind: str, inputs: list[str], name: str, domain: str = "", **attributes: Any
    ) -> str:
        """An operation with one output, which has the operation's name."""
        return self.outputs(kind, inputs, [name], domain, **attributes)[0]

    def outputs(
        self, kind: str, inputs: list[str], names: list[str], domain: str = "", **attributes: Any
    ) -> list[str]:
        """An operation with the outputs `names`, "" for those that are not needed."""
        name = next(name for name in names if name)
        node = helper.make_node(kind, inputs, names, name=name, domain=domain, **attributes)
        self.nodes.append(node)
        return names

    def linear(self, x: str, name: str, matrix_NK: Weights, bias_N: Weights | None = None) -> str:
        """`x @ matrix.T + bias` in the graph's precision."""
        bias = "" if bias_N is None else self.constant(f"{name}.bias", bias_N)
        if self.precision in FLOATS:
            stored = self.constant(f"{name}.weight", np.ascontiguousarray(matrix_NK.T))
            product = self.op("MatMul", [x, stored], name)
        else:
            stored = self._store(name, matrix_NK, MATRIX_BLOCKS[self.precision])
            if self.product is None:
                return self._product(x, name, stored, bias)
            product = self.product(self, x, name, stored)
        return self.op("Add", [product, bias], f"{name}.sum") if bias else product

    def table(self, name: str, table_VD: Weights) -> None:
        """Store a table that `rows` and `tied_head` read, once for both."""
        if self.precision in FLOATS:
            self.constant(name, table_VD)
        else:
            self._store(name, table_VD, TABLE_BLOCKS)

    def rows(self, name: str, table: str, indices: str, width: int) -> str:
        """Rows of a stored table."""
        if self.precision in FLOATS:
            return self.op("Gather", [table, indices], name)
        codes = self.op("Gather", [f"{table}.codes", indices], f"{name}.codes")
        whole = self.op("Cast", [codes], f"{name}.whole", to=TensorProto.FLOAT)
        middle = self.constant("middle", np.array(128, np.float32))
        signed = self.op("Sub", [whole, middle], f"{name}.signed")
        scales = self.op("Gather", [f"{table}.scales", indices], f"{name}.scales")
        steps = self.op("Unsqueeze", [scales, self.integers(-1)], f"{name}.steps")
        blocks = self.op("Mul", [signed, steps], f"{name}.blocks")
        filled = self.quantized[table].scales_NB.shape[1] * TABLE_BLOCKS.block
        if filled == width:
            return self.op("Reshape", [blocks, self.integers(1, -1, width)], name)
        whole = self.op("Reshape", [blocks, self.integers(1, -1, filled)], f"{name}.filled")
        ends = [self.integers(0), self.integers(width), self.integers(-1)]
        return self.op("Slice", [whole, *ends], name)

    def tied_head(self, x: str, table: str, name: str = LOGITS) -> str:
        """Logits against a stored table, in float32 whatever the precision."""
        if self.precision == "fp32":
            return self.op("FusedMatMul", [x, table], name, MICROSOFT, transB=1)
        if self.precision == "fp16":
            half = self.op("FusedMatMul", [x, table], f"{name}.half", MICROSOFT, transB=1)
            return self.op("Cast", [half], name, to=TensorProto.FLOAT)
        return self._product(x, name, table, "")

    def attention(self, layer: int, qkv: str, heads: Heads, rotary: tuple[str, ...]) -> str:
        """Grouped-query attention over the layer's KV buffers, which it extends in place."""
        shape = [1, heads.kv, heads.context, heads.width]
        suffixes = [f"k.{layer}", f"v.{layer}"]
        self.caches += [(suffix, shape) for suffix in suffixes]
        past = [PAST + suffix for suffix in suffixes]
        names = [f"attention.{layer}", *(PRESENT + suffix for suffix in suffixes)]
        inputs = [qkv, "", "", *past, LAST_POSITION, TOTAL_LENGTH, *rotary]
        settings = {
            "num_heads": heads.query,
            "kv_num_heads": heads.kv,
            "scale": 1 / math.sqrt(heads.width),
            "do_rotary": int(bool(rotary)),
        }
        return self.outputs("GroupQueryAttention", inputs, names, MICROSOFT, **settings)[0]

    def wanted_positions(self, x: str) -> str:
        """The positions from LOGITS_FROM on."""
        to_end = self.integers(np.iinfo(np.int64).max)
        return self.op("Slice", [x, LOGITS_FROM, to_end, self.integers(1)], "wanted")

    def model(self, vocabulary: int) -> onnx.ModelProto:
        """The finished model, which the weights move to; its last operation is the head."""
        inputs = [
            helper.make_tensor_value_info(INPUT_IDS, TensorProto.INT64, [1, "S"]),
            helper.make_tensor_value_info(LAST_POSITION, TensorProto.INT32, [1]),
            helper.make_tensor_value_info(TOTAL_LENGTH, TensorProto.INT32, []),
            helper.make_tensor_value_info(LOGITS_FROM, TensorProto.INT64, [1]),
            *(cache_info(PAST + suffix, shape, self.element) for suffix, shape in self.caches),
        ]
        outputs = [
            helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [1, "T", vocabulary]),
            *(cache_info(PRESENT + suffix, shape, self.element) for suffix, shape in self.caches),
        ]
        graph = helper.make_graph(self.nodes, "decoder", inputs, outputs, [])
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        made = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="lory"
        )
        for name in list(self.initializers):  # protobuf copies: one weight at a time is there twice
            made.graph.initializer.append(self.initializers.pop(name))
        return made

    def _store(self, name: str, matrix_NK: Weights, blocks: Blocks) -> str:
        if name in self.quantized:
            return name
        if blocks.whole_rows:
            quantized = quantize_whole_rows(matrix_NK, blocks.block)
        else:
            quantized = quantize_blocks(matrix_NK, blocks.bits, blocks.block)
        self.constant(f"{name}.codes", quantized.codes_NBW)
        self.constant(f"{name}.scales", quantized.scales_NB)
        self.quantized[name] = replace(quantized, codes_NBW=np.empty((0, 0, 0), np.uint8))
        return name

    def _product(self, x: str, name: str, stored: str, bias: str) -> str:
        quantized = self.quantized[stored]
        inputs = [x, f"{stored}.codes", f"{stored}.scales", *(["", "", bias] if bias else [])]
        return self.op(
            "MatMulNBits",
            inputs,
            name,
            MICROSOFT,
            N=len(quantized.scales_NB),
            K=quantized.columns,
            bits=quantized.bits,
            block_size=quantized.block,
            accuracy_level=INT8_COMPUTE,
        )


def cache_info(name: str, shape: list[int], element: int) -> onnx.ValueInfoProto:
    """Declaration of one KV buffer."""
    return helper.make_tensor_value_info(name, element, shape)
