"""Starts the indexing process and receives its batches."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

from lsp_server.errors import IndexingError
from lsp_server.project.index.store import Batch
from lsp_server.project.reading.frames import read_batch
from lsp_server.project.reading.indexer import Job

SCRIPT = """import os, sys
if hasattr(os, "nice"):
    os.nice(19)
sys.path.append(sys.argv[1])
from lsp_server.project.reading.indexer import main
main()"""
COMMAND = (sys.executable, "-P", "-c", SCRIPT, str(Path(__file__).parents[3]))
"""The lowest priority before anything else; `-P`: no module of the project's is run."""
THRIFT = {
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "1000000",
}
"""One thread; and large arrays are given back to the system at once (glibc)."""
LOW_PRIORITY = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
"""Where there is no `nice`."""


class IndexingProcess:
    """One run of `lsp_server.project.reading.indexer`."""

    def __init__(self, job: Job) -> None:
        try:
            self._process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **THRIFT},
                cwd=Path(__file__).parent,
                creationflags=LOW_PRIORITY,
            )
        except OSError as exc:
            raise IndexingError(f"expected the indexing process to start, found: {exc}") from exc
        self._job = job

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def batches(self) -> Generator[Batch, None, None]:
        """What it finds, as it comes. IndexingError where it fails or is ended."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise IndexingError("expected pipes to the indexing process, found none")
        try:
            process.stdin.write(self._job.to_json().encode() + b"\n")
            process.stdin.flush()
            while (batch := read_batch(process.stdout)) is not None:
                yield batch
        except (OSError, ValueError) as exc:
            raise IndexingError(f"the indexing process does not answer: {exc}") from exc
        finally:
            self.end()
            process.wait()
            process.stdout.close()

    def end(self) -> None:
        """Kill it, if it still runs; from any thread."""
        self._process.kill()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
