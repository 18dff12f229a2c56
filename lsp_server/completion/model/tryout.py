"""Tries a new bundle in a separate process before this one opens it.

A graph or a tokenizer can hang, take all memory or kill its process, and no check of the files
tells. What went well is remembered by the bundle's hashes in the user's cache folder; the bundle
that comes with Lory is not tried.
"""

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from stat import S_ISREG
from time import monotonic

import platformdirs

from lsp_server.completion.model.threads import threads_for
from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.contract.bundles.kept import SHIPPED_FOLDER
from lsp_server.contract.bundles.manifest import MANIFEST, fault, printable
from lsp_server.errors import BundleError
from lsp_server.settings import Settings

CACHE_VARIABLE = "LORY_CACHE"
"""Environment variable: the folder of what is remembered, in place of the user's cache folder."""
SECONDS, SECONDS_PER_GIGABYTE = 10, 120
"""Of the processor's time."""
PATIENCE = 6
"""Times as long by the clock: the machine may have other work."""
MEGABYTES, TIMES_ITS_SIZE = 4_000, 6
"""Address space: that of the runtime itself, and for each byte of the bundle."""
PAUSE = 0.05
SCRIPT = """import sys
sys.path.append(sys.argv[1])
from lsp_server.completion.model.tryout_process import main
main()"""
COMMAND = (sys.executable, "-P", "-c", SCRIPT, str(Path(__file__).parents[3]))
"""`-P`: no module of the folder that an editor starts in is run."""
REASON_BYTES = 2_000
ADVICE = "set another bundle"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TryoutJob:
    """What the process is to try, and within which limits."""

    bundle: str
    engine: str
    threads: int
    seconds: int
    megabytes: int

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def admit(bundle: Bundle, settings: Settings, wanted: Callable[[], bool]) -> None:
    """Return once the bundle may be opened here. BundleError where it must not.

    A tryout that is no longer `wanted` ends early, as one that failed.
    """
    if is_shipped(bundle.folder):
        return
    record = record_of(bundle, settings.engine)
    if not is_remembered(record):
        try_out(bundle, settings, wanted)
        remember(record)


def is_shipped(folder: Path) -> bool:
    """Whether a bundle is part of the installed package, as trusted as its code."""
    return folder.resolve() == SHIPPED_FOLDER.resolve()


def record_of(bundle: Bundle, engine: str) -> Path:
    """The file that stands for a bundle that went well, with this engine in these versions."""
    manifest = (bundle.folder / MANIFEST).read_bytes()  # holds the hash of every file
    parts = [hashlib.sha256(manifest).hexdigest(), engine]
    parts += [version(name) for name in ("lory-lsp", "onnxruntime", "tokenizers")]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return cache_folder() / "tried" / name


def cache_folder() -> Path:
    """Where what is remembered lies."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("lory", appauthor=False)


def is_remembered(record: Path) -> bool:
    """Whether the record is there, and is this user's own."""
    try:
        found = record.lstat()
    except OSError:
        return False
    own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return S_ISREG(found.st_mode) and own


def remember(record: Path) -> None:
    """Leave the record; where that cannot be, the bundle will be tried again."""
    try:
        record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        record.touch(mode=0o600)
    except OSError as exc:
        log.info("the bundle will be tried again next time: %s", exc)


def try_out(bundle: Bundle, settings: Settings, wanted: Callable[[], bool]) -> None:
    """Have another process read text with the bundle, and complete with it. BundleError if not."""
    size = sum(record.bytes for record in bundle.manifest.files.values())
    seconds = SECONDS + int(SECONDS_PER_GIGABYTE * size / 1e9)
    job = TryoutJob(
        bundle=str(bundle.folder.resolve()),
        engine=settings.engine,
        threads=threads_for(bundle, settings),
        seconds=seconds,
        megabytes=MEGABYTES + TIMES_ITS_SIZE * size // 1_000_000,
    )
    reason = run(job, wanted)
    if reason:
        expected = "to complete a few lines in a process of its own"
        raise fault(f"bundle {bundle.folder}", expected, f"that it {reason}", ADVICE)


def run(job: TryoutJob, wanted: Callable[[], bool]) -> str:
    """Why it did not go well; "" where it did."""
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, cwd=Path(__file__).parent
        )
    except OSError as exc:
        raise BundleError(f"expected the tryout of a bundle to start, found: {exc}") from exc
    with process:
        try:
            return watch(process, job, wanted)
        finally:
            process.kill()


def watch(process: "subprocess.Popen[bytes]", job: TryoutJob, wanted: Callable[[], bool]) -> str:
    """Wait for a process and read what it says of itself."""
    deadline, said = monotonic() + PATIENCE * job.seconds, job.to_json().encode() + b"\n"
    data: bytes | None = said
    while True:
        try:
            output, errors = process.communicate(data, timeout=PAUSE)
            break
        except subprocess.TimeoutExpired:
            data = None
        if monotonic() > deadline:
            return f"took longer than {PATIENCE * job.seconds} s"
        if not wanted():
            return "was tried no more, as the settings have changed"
    if process.returncode == 0 and output == b"ok\n":
        return ""
    return describe_end(process.returncode, job, errors)


def describe_end(code: int, job: TryoutJob, errors: bytes) -> str:
    """In words, how a process ended."""
    if code < 0:
        if hasattr(signal, "SIGXCPU") and code in (-signal.SIGXCPU, -signal.SIGKILL):
            return f"needed more than {job.seconds} s of the processor"
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    text = errors[-REASON_BYTES:].decode(errors="replace").strip()
    last = text.splitlines()[-1] if text else "nothing"
    return f"ended with code {code}: {printable(last)}"
