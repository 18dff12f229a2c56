"""A small HTTP client that takes hardly any of the processor's time, and can hang up."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lsp_server.errors import BenchError

LONGEST = 1 << 22
REFUSED = 401


class KeyRefused(BenchError):
    """Nothing can be measured without a key, or with this one."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service is, and the key to it."""

    host: str
    port: int
    key: str = ""


class Connection:
    """One connection, kept between requests; opened again where it was closed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        """Status and content of an answer. Cancelling it hangs up; BenchError where none comes."""
        return await self._ask("POST", path, json.dumps(body).encode())

    async def get(self, path: str) -> tuple[int, bytes]:
        """The same without a body."""
        return await self._ask("GET", path, b"")

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            with suppress(OSError):
                self._streams[1].close()
            self._streams = None

    async def _ask(self, method: str, path: str, content: bytes) -> tuple[int, bytes]:
        try:
            reader, writer = await self._open()
            writer.write(self._head(method, path, len(content)) + content)
            return await self._read(reader)
        except asyncio.CancelledError:
            self.close()
            raise
        except (OSError, ValueError, asyncio.IncompleteReadError) as exc:
            self.close()
            where = f"{self._address.host}:{self._address.port}"
            raise BenchError(
                f"expected an answer of a service at {where}, found: {exc!r}; start lory serve"
            ) from exc

    @property
    def _wanted(self) -> str:
        return "refuses this one" if self._address.key else "wants one"

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[1].is_closing() or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection(
                self._address.host, self._address.port, limit=LONGEST
            )
        return self._streams

    def _head(self, method: str, path: str, size: int) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._address.host}:{self._address.port}"]
        lines += [f"content-length: {size}", "content-type: application/json"]
        lines += [f"authorization: Bearer {self._address.key}"] if self._address.key else []
        return "\r\n".join((*lines, "", "")).encode()

    async def _read(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head.split(" ", 2)[1])
        if status == REFUSED:
            raise KeyRefused(
                f"expected the service to take the key, found that it {self._wanted}; give an "
                "administrator's with --key, or as LORY_KEY"
            )
        fields = dict(line.lower().split(":", 1) for line in head.split("\r\n")[1:] if ":" in line)
        content = await reader.readexactly(int(fields.get("content-length", "0")))
        if fields.get("connection", "").strip() == "close":
            self.close()
        return status, content
