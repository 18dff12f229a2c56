"""Puts a model among those that are kept, whole or not at all."""

import errno
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from lsp_server.contract.bundles.kept import is_name, kept_folder, models_folder
from lsp_server.errors import ModelError

ADDING, REMOVING = ".adding-", ".removing-"
STRANGE = re.compile(r"[^a-z0-9._-]+")
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
SPARE = 50_000_000
"""Bytes that the disk is to have left."""


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder beside the kept models, which is gone at the end unless it was given its name.

    Raises ModelError where the disk is full or cannot be written. SIGTERM ends what is done in it
    as an interruption does.
    """
    place = models_folder()
    with told_as_one_line(), ended_in_order():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(place)
        folder = Path(tempfile.mkdtemp(prefix=f"{ADDING}{os.getpid()}-", dir=place))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def told_as_one_line() -> Iterator[None]:
    """What the system refuses becomes a ModelError."""
    place = models_folder()
    try:
        yield
    except OSError as exc:
        if exc.errno in DISK_FULL:
            raise ModelError(
                f"disk full while writing to {place}; nothing of it was kept: free space and give "
                "the same command again"
            ) from exc
        raise ModelError(f"{place}: expected to read and write files, found: {exc}") from exc


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM raises SystemExit meanwhile: editors end a command so."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def check_space(needed: int) -> None:
    """ModelError where the disk of the kept models has no room for so many bytes."""
    place = models_folder()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed + SPARE:
        raise ModelError(
            f"disk full: expected {(needed + SPARE) / 1e6:.0f} MB free in {place}, found "
            f"{free / 1e6:.0f}; free space and give the same command again"
        )


def check_free(name: str) -> None:
    """ModelError where a name cannot be given, or is taken."""
    if not is_name(name):
        raise ModelError(
            f"model {name!r:.80}: expected a name of lower-case letters, digits, '.', '_' and '-', "
            "found another; give one with --as"
        )
    if os.path.lexists(kept_folder(name)):
        raise ModelError(
            f"model {name!r}: expected a name that is free, found it kept already; give another "
            f"with --as, or first: lory model remove {name}"
        )


def plain_name(title: str) -> str:
    """A name made of what a model is called; "" where nothing is left."""
    return STRANGE.sub("-", title.lower()).strip("-._")[:63].rstrip("-._")


def settle(folder: Path, name: str) -> None:
    """Give a whole folder its name, once the disk has all of it."""
    check_free(name)
    for path in sorted(folder.rglob("*"), reverse=True):
        sync(path)
    sync(folder)
    folder.rename(kept_folder(name))
    sync(models_folder())


def sync(path: Path) -> None:
    """Have the disk keep a file or folder."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove_kept(name: str) -> None:
    """Delete a kept model: first its name, then its files."""
    place = models_folder()
    with told_as_one_line():
        gone = Path(tempfile.mkdtemp(prefix=REMOVING, dir=place))
        kept_folder(name).rename(gone / name)
        shutil.rmtree(gone, ignore_errors=True)


def sweep(place: Path) -> None:
    """Delete what commands that were killed have left."""
    for path in place.glob(f"{REMOVING}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in place.glob(f"{ADDING}*"):
        process = path.name.removeprefix(ADDING).partition("-")[0]
        if not process.isdigit() or not runs(int(process)):
            shutil.rmtree(path, ignore_errors=True)


def runs(process: int) -> bool:
    """Whether there is a process of this number; where nobody can tell, there is."""
    if os.name == "nt":
        return True
    with suppress(PermissionError):  # there is, of another user
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return True
