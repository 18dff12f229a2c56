"""The base protocol, on byte streams written by hand."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.bench.client.jsonrpc import frame, parse, read_body
from lsp_server.errors import BenchError


def test_the_header_counts_bytes_not_characters() -> None:
    assert frame({"a": "é"}) == b'Content-Length: 10\r\n\r\n{"a":"\xc3\xa9"}'


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers()), max_size=4))
def test_messages_written_one_after_another_are_read_back(
    messages: list[dict[str, object]],
) -> None:
    stream = BytesIO(b"".join(map(frame, messages)))
    read = []
    while (body := read_body(stream)) is not None:
        read.append(parse(body))
    assert read == messages


def test_other_headers_and_any_case_are_understood() -> None:
    stream = BytesIO(b"Content-Type: x; charset=utf-8\r\ncontent-length: 2\r\n\r\n{}")
    assert read_body(stream) == b"{}"


@pytest.mark.parametrize(
    "written",
    [
        b"loaded 3 modules\n",
        b"Content-Length: many\r\n\r\n{}",
        b"INFO: started" + b"x" * 5000,
        b"Content-Length: 10\r\n\r\n{}",
    ],
)
def test_what_is_no_message_is_an_error_that_says_what_was_expected(written: bytes) -> None:
    with pytest.raises(BenchError, match="expected"):
        read_body(BytesIO(written))


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff"])
def test_a_body_that_is_no_json_object_is_an_error(body: bytes) -> None:
    with pytest.raises(BenchError, match="expected"):
        parse(body)
