"""Tries a bundle in a separate process, and prints "ok" if it works.

Its limits are set before anything of the bundle is read.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from threading import Event

BUILT_IN = "onnx"
CODE = '''import os


class Point:
    """A place."""

    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y

    def __repr__(self) -> str:
        return f"Point({self.x!r}, {self.y!r})"  # as it is written


def read(path: str) -> list[Point]:
    with open(path, encoding="utf-8") as file:
        return [Point(*map(float, line.split(","))) for line in file if line.strip()]
'''
RUNS = (
    *"a1_ \t.(\"'#=-\\\n\r\u00e9\u4e2d\u2028",
    "ab",
    "a ",
    "\n    ",
    "\r\n",
    "((a",
    "x=1;",
    "\U0001f600",
)
"""Parts that a pattern may choke on when they are repeated."""
LENGTHS = (30, 1_000, 20_000)
PLACES = ((CODE, ""), (CODE[:200], CODE[200:]), ("", ""), (CODE * 40 + "def f(", ")\n" + CODE * 20))
"""Text before and after a cursor."""
TOKENS = 16
FILE_SIZE = 1_000_000


def limit(seconds: int, megabytes: int) -> None:
    """Let the system end this process where it takes too much; not where it has no such limits."""
    with suppress(ImportError):
        import resource

        limits = {
            resource.RLIMIT_CPU: (seconds, seconds + 5),
            resource.RLIMIT_AS: (megabytes * 1_000_000,) * 2,
            resource.RLIMIT_CORE: (0, 0),
            resource.RLIMIT_FSIZE: (FILE_SIZE, FILE_SIZE),
        }
        for kind, values in limits.items():
            with suppress(OSError, ValueError):  # a lower one holds already
                resource.setrlimit(kind, values)


def texts() -> Iterator[str]:
    """What any tokenizer must read."""
    yield from ("", CODE, CODE.replace("\n", "\r\n"), CODE.replace("    ", "\t"))
    yield "".join(map(chr, range(0xD800))) + "".join(map(chr, range(0xE000, 0x11000)))
    for part in RUNS:
        yield from (part * (length // len(part)) for length in LENGTHS)


def main() -> None:
    """Do one job."""
    line = sys.stdin.readline()
    if not line.endswith("\n"):  # whoever started this process is gone
        sys.exit(1)
    job = json.loads(line)
    limit(job["seconds"], job["megabytes"])
    from lsp_server.errors import LoryError

    try:
        try_bundle(job)
    except LoryError as exc:
        sys.exit(str(exc))
    sys.stdout.write("ok\n")


def try_bundle(job: dict[str, object]) -> None:
    """Read texts, and complete at places; LoryError where something is wrong with the bundle."""
    from pathlib import Path

    from lsp_server.contract.bundles.bundle import load
    from lsp_server.contract.line_tokens import LineTokenizer
    from lsp_server.contract.prompt import encode, last_piece, load_tokenizer

    bundle = load(Path(str(job["bundle"])))
    tokenizer = LineTokenizer(load_tokenizer(bundle.tokenizer_path))
    for text in texts():
        encode(tokenizer, text)
        last_piece(tokenizer, text)
    if job["engine"] == BUILT_IN:
        complete(str(job["bundle"]), int(str(job["threads"])))


def complete(bundle: str, threads: int) -> None:
    """Write a line at each place."""
    from lsp_server.completion.context.plugin import Cursor
    from lsp_server.completion.model.loading import load_model
    from lsp_server.completion.suggestion import generate
    from lsp_server.plugins import PluginGuard
    from lsp_server.settings import Device, Settings

    settings = Settings(
        bundle=bundle,
        threads=threads,
        device=Device.CPU,
        max_tokens=TOKENS,
        min_probability=0.0,
        project=False,
    )
    guard = PluginGuard(sys.exit)
    model = load_model(settings, guard)
    for prefix, suffix in PLACES:
        cursor = Cursor(
            uri="file:///a.py",
            language="python",
            path="a.py",
            prefix=prefix,
            suffix=suffix,
            invoked=True,
        )
        generate(model, settings, guard, cursor, Event())
