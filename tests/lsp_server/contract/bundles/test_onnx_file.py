"""An ONNX file's outside data are seen by whatever tag they are written under."""

from pathlib import Path

import pytest

from lsp_server.contract.bundles.onnx_file import read_summary
from lsp_server.errors import BundleError

GRAPH, TENSOR, ENTRY, KEY, VALUE = 7, 5, 13, 1, 2
BYTES = 2


def varint(number: int) -> bytes:
    """Protobuf's way to write a whole number."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def part(field: int, content: bytes, higher_bits: int = 0) -> bytes:
    """A field of bytes; `higher_bits` are such as most readers cut off."""
    return varint(higher_bits << 32 | field << 3 | BYTES) + varint(len(content)) + content


def model(higher_bits: int) -> bytes:
    """A model with one tensor whose data lie in another file."""
    entry = part(KEY, b"location") + part(VALUE, b"/etc/passwd")
    return part(GRAPH, part(TENSOR, part(ENTRY, entry, higher_bits)))


def test_a_file_that_a_tensor_names_is_found(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(model(0))
    assert read_summary(tmp_path / "model.onnx").external_files == {"/etc/passwd"}


@pytest.mark.parametrize("higher_bits", [1, 2, 7])
def test_a_tag_of_which_others_read_the_lower_bits_alone_is_refused(
    tmp_path: Path, higher_bits: int
) -> None:
    (tmp_path / "model.onnx").write_bytes(model(higher_bits))
    with pytest.raises(BundleError, match="a tag of more than 32 bits"):
        read_summary(tmp_path / "model.onnx")
