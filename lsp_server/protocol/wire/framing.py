"""Messages on a byte stream: a header with the body's length, then the body.

A stream that is out of step never gets back into it, so the first bytes that are no header end it.
"""

import re
from typing import IO

LENGTH = re.compile(rb"content-length\s*:\s*(\d{1,10})\s*", re.IGNORECASE)
FIELD = re.compile(rb"[A-Za-z-]+\s*:[^\r\n]*\r?\n")
LONGEST_HEADER = 4096
LARGEST_MESSAGE = 1 << 30


def framed(body: bytes) -> bytes:
    """A message's body with its header in front."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FramedInput:
    """Reads message by message; once something else comes, the end, and `fault` says why."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.fault = ""

    def message(self) -> bytes | None:
        """The next message's body; None at the end of the input, and after a fault."""
        length: int | None = None
        while not self.fault:
            line = self._stream.readline(LONGEST_HEADER)
            if not line:
                return None
            if line.strip():
                length = self._read_header(line, length)
            elif length is not None:
                return self._read_body(length)
        return None

    def _read_header(self, line: bytes, length: int | None) -> int | None:
        """The body's length, once a header has told it."""
        found = LENGTH.fullmatch(line)
        if found and int(found[1]) <= LARGEST_MESSAGE:
            return int(found[1])
        if found or not FIELD.fullmatch(line) or line.lower().startswith(b"content-length"):
            self.fault = f"expected a header such as 'Content-Length: 52', found {line[:60]!r}"
        return length

    def _read_body(self, size: int) -> bytes | None:
        body = self._stream.read(size)
        if len(body) < size:
            self.fault = (
                f"expected a message of {size} bytes, found {len(body)} and then the end of it"
            )
            return None
        return body
