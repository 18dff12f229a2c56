"""The socket of the service, and those of its connections."""

import asyncio
import socket

import pytest

from lsp_server.http.config import ServeConfig
from lsp_server.http.server import listen


@pytest.mark.asyncio
async def test_an_answer_is_sent_at_once_though_its_parts_are_small() -> None:
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own: socket.socket = writer.get_extra_info("socket")
        found.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listening = listen(ServeConfig(port=0))
    async with await asyncio.start_server(accept, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname()[:2])
        assert await found == 1
        writer.close()
