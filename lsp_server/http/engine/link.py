"""One engine process from outside: is started, given one job at a time, and killed if it hangs."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from lsp_server.errors import EngineError
from lsp_server.http.completion import ModelFacts, facts_from
from lsp_server.http.engine.worker import FAULT, READY

SCRIPT = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from lsp_server.http.engine.worker import main; main()"
)
COMMAND = (sys.executable, "-P", "-c", SCRIPT, str(Path(__file__).parents[3]))
"""`-P`: no module of the folder that the service starts in is run."""
THRIFT = {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
LONGEST_LINE = 1 << 24
START_SECONDS = 60.0

Job = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStart:
    """What an engine process is told first."""

    settings: Mapping[str, Any]
    """As an editor would set them."""
    documents: int
    """Whose texts are kept at most."""


class EngineProcess:
    """A started engine; all methods run on the event loop's thread."""

    def __init__(self, process: asyncio.subprocess.Process, facts: ModelFacts) -> None:
        self._process = process
        self.facts = facts
        self._numbers = count()

    @classmethod
    async def start(cls, start: EngineStart) -> "EngineProcess":
        """A process whose model is loaded and warm. EngineError with its reason where it is not."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **THRIFT},
            limit=LONGEST_LINE,
        )
        try:
            write(process, {"settings": dict(start.settings), "documents": start.documents})
            async with asyncio.timeout(START_SECONDS):
                first = await read(process)
        except (TimeoutError, EngineError) as exc:
            await put_down(process)
            raise EngineError(
                f"expected an engine process to start, found: {exc or 'it hangs'}"
            ) from exc
        except asyncio.CancelledError:
            await put_down(process)
            raise
        if READY not in first:
            await put_down(process)
            raise EngineError(str(first.get(FAULT, "the engine process did not start")))
        return cls(process, facts_from(first[READY]))

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    async def run(self, job: Job, seconds: float, cancelled: asyncio.Event) -> Mapping[str, Any]:
        """What a job comes to; `cancelled` stops it between two tokens.

        EngineError where it fails; if it takes longer than `seconds`, the process is killed too.
        """
        number = next(self._numbers)
        try:
            write(self._process, {**job, "id": number})
            answer = asyncio.ensure_future(read(self._process))
            stopping = asyncio.ensure_future(self._stop(number, cancelled))
            try:
                async with asyncio.timeout(seconds):
                    found = await answer
            finally:
                stopping.cancel()
                answer.cancel()
        except TimeoutError as exc:
            await self.kill()
            raise EngineError(f"a request took longer than {seconds:g} s") from exc
        except EngineError:
            await self.kill()
            raise
        if found.get("id") != number:
            await self.kill()
            raise EngineError("an engine process answered out of turn")
        if FAULT in found:
            raise EngineError(f"a request failed: {found[FAULT]}")
        return found

    async def _stop(self, number: int, cancelled: asyncio.Event) -> None:
        await cancelled.wait()
        with suppress(EngineError):
            write(self._process, {"cancel": number})

    async def wait(self) -> None:
        """Return once the process has ended, for whatever reason."""
        await self._process.wait()

    async def kill(self) -> None:
        """End the process, whatever it is at."""
        await put_down(self._process)


def write(process: asyncio.subprocess.Process, message: Mapping[str, Any]) -> None:
    """Send a line; it is never so long that the pipe must be waited for before the next."""
    if process.stdin is None or process.stdin.is_closing():
        raise EngineError("the engine process takes no more jobs")
    process.stdin.write(json.dumps(message).encode() + b"\n")


async def read(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next line. EngineError where the process has ended."""
    assert process.stdout is not None  # it was made with a pipe
    try:
        line = await process.stdout.readline()
        found: dict[str, Any] = json.loads(line or b"{}")
    except ValueError as exc:
        raise EngineError("the engine process answers something that is no JSON") from exc
    if not line:
        raise EngineError("the engine process has ended")
    return found


async def put_down(process: asyncio.subprocess.Process) -> None:
    """Kill a process and wait for its end."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
