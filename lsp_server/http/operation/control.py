"""The socket by which `lory serve reload` and `status` speak to a running service.

It lies in the service's own folder and only its user may open it: models are not managed over HTTP.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lsp_server.errors import LoryError, ServeError

LONGEST = 1 << 16
PATIENCE = 900.0
"""Seconds that a reload may take: a large bundle is tried out first."""

Answer = Awaitable[Mapping[str, Any]]


class ControlSocket:
    """Listens while it is open; not where the system has no such sockets."""

    def __init__(
        self, path: Path, reload: Callable[[str | None], Answer], status: Callable[[], Answer]
    ) -> None:
        """`reload` takes another bundle's folder, or None for the one that is served."""
        self._path = path
        self._reload = reload
        self._status = status
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen. ServeError where another service has the folder."""
        if not hasattr(socket, "AF_UNIX"):
            return
        if await asyncio.to_thread(is_answered, self._path):
            raise ServeError(
                f"{self._path}: expected no other service in this folder, found one; "
                "give another --state"
            )
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            before = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(
                    self._serve, str(self._path), limit=LONGEST
                )
            finally:
                os.umask(before)
        except OSError as exc:
            raise ServeError(f"{self._path}: expected to listen there, found: {exc}") from exc

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            answer = await self._obey(request)
        except LoryError as exc:
            answer = {"fault": str(exc)}
        except (ValueError, KeyError, TypeError):
            answer = {"fault": "expected a command"}
        with suppress(OSError):
            writer.write(json.dumps(dict(answer)).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _obey(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request["command"] == "reload":
            return await self._reload(request.get("bundle"))
        if request["command"] == "status":
            return await self._status()
        raise ServeError("expected the command reload or status")


def is_answered(path: Path) -> bool:
    """Whether a service listens there."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(1.0)
        try:
            peer.connect(str(path))
        except OSError:
            return False
        return True


def ask_service(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """What a running service answers. ServeError where there is none, or it refuses."""
    if not hasattr(socket, "AF_UNIX"):
        raise ServeError("expected a system with Unix sockets; restart the service instead")
    try:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE)
            peer.connect(str(path))
            peer.sendall(json.dumps(dict(request)).encode() + b"\n")
            with peer.makefile("rb") as answers:
                found: dict[str, Any] = json.loads(answers.readline())
    except (OSError, ValueError) as exc:
        raise ServeError(
            f"{path}: expected a running service, found: {exc}; start one with: lory serve"
        ) from exc
    if "fault" in found:
        raise ServeError(str(found["fault"]))
    return found
