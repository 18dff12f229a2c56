"""Reads from an ONNX file which operators and external files it needs, without `onnx`.

Reads protobuf's wire format over a memory map and skips the weights themselves, so that a file of
any size takes milliseconds. Field numbers are those of onnx.proto.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lsp_server.contract.bundles.manifest import REBUILD, fault

NESTED: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 8: "OperatorSet", 20: "Training", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {
        5: "Tensor",
        6: "Graph",
        10: "Tensor",
        11: "Graph",
        22: "SparseTensor",
        23: "SparseTensor",
    },
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Function": {7: "Node", 9: "OperatorSet", 11: "Attribute"},
    "Training": {1: "Graph", 2: "Graph"},
    "Tensor": {13: "Entry"},
    "OperatorSet": {},
    "Entry": {},
}
"""Message type -> field number -> message type, where a field can lead to what is looked for."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LARGEST_TAG = 0xFFFF_FFFF
DEEPEST_MESSAGE = 100


@dataclass(frozen=True, slots=True)
class OnnxSummary:
    """What must be known of a graph before a runtime opens it."""

    opsets: dict[str, int]
    """Version by domain; "" is ONNX's own."""
    external_files: frozenset[str]
    """Locations that tensors name, as written in the file."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: `value` for numbers, `start` and `end` into the file for bytes."""

    number: int
    wire: int
    value: int
    start: int
    end: int


def read_summary(path: Path) -> OnnxSummary:
    """Walk the model in `path`. Raises BundleError where the file is no well-formed protobuf."""
    opsets: dict[str, int] = {}
    external: set[str] = set()
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise fault(path, "an ONNX model", "an empty file", REBUILD)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                for message, start, end in walk(data, "Model", 0, len(data), 0):
                    if message == "OperatorSet":
                        domain, version = read_opset(data, start, end)
                        opsets[domain] = version
                    elif message == "Entry":
                        external.update(read_location(data, start, end))
            except (IndexError, ValueError) as exc:
                raise fault(path, "an ONNX model", f"damaged protobuf ({exc})", REBUILD) from exc
    return OnnxSummary(opsets, frozenset(external))


def walk(
    data: mmap.mmap, message: str, start: int, end: int, depth: int
) -> Iterator[tuple[str, int, int]]:
    """Every nested message of the types in NESTED below `message`, as type, start, end."""
    if depth > DEEPEST_MESSAGE:
        raise ValueError(f"messages nested deeper than {DEEPEST_MESSAGE}")
    nested = NESTED[message]
    for field in fields(data, start, end):
        if field.wire == BYTES and field.number in nested:
            inner = nested[field.number]
            yield inner, field.start, field.end
            yield from walk(data, inner, field.start, field.end, depth + 1)


def fields(data: mmap.mmap, start: int, end: int) -> Iterator[Field]:
    """The fields of the message in `data[start:end]`; ValueError where one runs over the end."""
    position = start
    while position < end:
        begin = position
        key, position = read_varint(data, position)
        if key > LARGEST_TAG:  # other readers see its lower bits alone: another field
            raise ValueError(f"a tag of more than 32 bits at byte {begin}")
        wire, value, begin = key & 7, 0, position
        if wire == VARINT:
            value, position = read_varint(data, position)
        elif wire == BYTES:
            length, begin = read_varint(data, position)
            position = begin + length
        elif wire in (FIXED64, FIXED32):
            position += 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"unknown wire type {wire} at byte {begin}")
        if position > end:
            raise ValueError(f"a field at byte {begin} runs over its message")
        yield Field(key >> 3, wire, value, begin, position)


def read_varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    """The number at `position` and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError(f"number too long at byte {position}")


def read_opset(data: mmap.mmap, start: int, end: int) -> tuple[str, int]:
    """Domain and version of an OperatorSetIdProto."""
    domain, version = "", 0
    for field in fields(data, start, end):
        if field.number == 1:
            domain = data[field.start : field.end].decode()
        elif field.number == 2:
            version = field.value
    return ("" if domain == "ai.onnx" else domain), version


def read_location(data: mmap.mmap, start: int, end: int) -> Iterator[str]:
    """The file name in one entry of a tensor's external data, if it is the entry that holds it."""
    entry = {part.number: data[part.start : part.end].decode() for part in fields(data, start, end)}
    if entry.get(1) == "location":
        yield entry.get(2, "")
