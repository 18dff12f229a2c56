"""Talks to the process in which one engine is measured."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer
from typing import IO

from lsp_server.bench.client.process import close_quietly, end_process
from lsp_server.bench.engines.peer_process import Hello, PeerRequest, PeerText
from lsp_server.errors import BenchError

MODULE = "lsp_server.bench.engines.peer_process"


@dataclass(frozen=True, slots=True)
class PeerFolders:
    """Where an engine finds the model."""

    bundle: Path
    folder: Path
    """Of converted models."""
    timeout: float
    """Seconds for any one answer, a conversion too; after it the process is ended."""


class PeerDied(BenchError):
    """The engine's process ended or hung instead of answering."""


class PeerLink:
    """One engine on one number of threads, in its own process."""

    def __init__(self, name: str, threads: int, place: PeerFolders) -> None:
        self.name = name
        self.threads = threads
        self._timeout = place.timeout
        words = [name, str(place.bundle), str(place.folder), str(threads)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def greet(self) -> Hello:
        """What the process says once it is ready, or cannot be."""
        try:
            return Hello(**json.loads(self._read()))
        except PeerDied as exc:
            return Hello(failed=str(exc))

    def write(self, order: PeerRequest) -> PeerText:
        """Let the engine write; raises PeerDied where it does not."""
        try:
            stream = self._stream(self._process.stdin)
            stream.write(json.dumps(asdict(order)).encode() + b"\n")
            stream.flush()
        except OSError as exc:
            raise PeerDied(f"its process ended with code {self._process.wait()}") from exc
        return PeerText(**json.loads(self._read()))

    def close(self) -> None:
        """End the process, which goes when its input ends."""
        close_quietly(self._stream(self._process.stdin))
        close_quietly(self._stream(self._process.stdout))
        end_process(self._process)

    def _read(self) -> bytes:
        alarm = Timer(self._timeout, self._process.kill)
        alarm.start()
        try:
            line = self._stream(self._process.stdout).readline()
        finally:
            alarm.cancel()
        if not line:
            raise PeerDied(f"its process ended with code {self._process.wait()}")
        return line

    @staticmethod
    def _stream(stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None, "started with pipes"
        return stream


def prepare(name: str, place: PeerFolders) -> Hello:
    """Convert the bundle for a peer, in a process that ends afterwards."""
    link = PeerLink(name, 0, place)
    try:
        return link.greet()
    finally:
        link.close()
