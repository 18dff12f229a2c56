"""Framing: messages pass, whatever else comes is named and ends the input."""

from io import BytesIO

import pytest

from lsp_server.protocol.wire.framing import FramedInput


def read_all(data: bytes) -> tuple[list[bytes], str]:
    """Bodies, and the fault."""
    framed, bodies = FramedInput(BytesIO(data)), []
    while (body := framed.message()) is not None:
        bodies.append(body)
    return bodies, framed.fault


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: 2\r\n\r\n{}Content-Length: 2\r\n\r\n[]",
        b"content-length:2\r\n\r\n{}CONTENT-LENGTH :  2 \r\n\r\n[]",
        b"Content-Length: 2\r\nContent-Type: application/x\r\n\r\n{}Content-Length: 2\n\n[]",
        b"Content-Type: x\r\nContent-Length: 2\r\n\r\n{}\r\n\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
def test_messages_pass_whatever_their_headers_look_like(data: bytes) -> None:
    assert read_all(data) == ([b"{}", b"[]"], "")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1"),
        (b"hello\n", "hello"),
        (b'{"jsonrpc": "2.0"}', "jsonrpc"),
        (b"Content-Length: x\r\n\r\n{}", "Content-Length: x"),
        (b"Content-Length: -1\r\n\r\n{}", "Content-Length: -1"),
        (b"Content-Length: 9999999999\r\n\r\n{}", "9999999999"),
        (b"\x00" * 10_000, r"\x00"),
    ],
)
def test_what_is_no_message_is_named(data: bytes, found: str) -> None:
    bodies, fault = read_all(data)
    assert not bodies
    assert fault.startswith("expected a header such as 'Content-Length: 52', found b'")
    assert found in fault
    assert len(fault) < 400


def test_half_a_message_is_named() -> None:
    bodies, fault = read_all(b'Content-Length: 2\r\n\r\n{}Content-Length: 20\r\n\r\n{"json')
    assert bodies == [b"{}"]
    assert fault.startswith("expected a message of 20 bytes, found 6 and then the end")


def test_the_end_between_two_messages_is_no_fault() -> None:
    assert read_all(b"") == ([], "")
