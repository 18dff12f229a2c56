"""The keys that people ask with: shown once, kept as hashes in a file that only its owner reads."""

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import cattrs

from lsp_server.contract.bundles.manifest import strict_converter
from lsp_server.errors import ServeError

FORMAT = 1
PREFIX = "lory-"
SECRET_BYTES = 32
LONGEST_NAME = 64
LONGEST_KEY = 256
LOCK_SECONDS = 5.0
SYSTEM = 0
"""The user that the system's own files belong to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is kept of a key."""

    name: str
    """The person's; one may have several keys."""
    id: str
    """The start of the hash: enough to name the key by, and nothing of the key itself."""
    sha256: str
    admin: bool
    """Whether it opens the figures of everybody."""
    added: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """The file's content."""

    format: int
    keys: tuple[Key, ...]


def digest_of(secret: str) -> str:
    """The hash that is kept; a key has 256 random bits, so a fast hash does."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def find_key(keys: Sequence[Key], secret: str) -> Key | None:
    """Whose key this is. Every key is compared, each in constant time."""
    digest = digest_of(secret[:LONGEST_KEY])
    found: Key | None = None
    for key in keys:
        if hmac.compare_digest(key.sha256, digest):
            found = key
    return found


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file, none where there is no file. ServeError where it cannot be trusted."""
    try:
        with open(path, "rb") as file:
            refuse_open_file(path, os.fstat(file.fileno()))
            values = json.load(file)
        found = strict_converter().structure(values, KeyFile)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, AttributeError, TypeError, cattrs.BaseValidationError) as exc:
        raise ServeError(
            f"{path}: expected keys as `lory serve keys` writes them, found: {exc}; mend "
            "or remove it"
        ) from exc
    if found.format != FORMAT:
        raise ServeError(f"{path}: expected format {FORMAT}, found {found.format}; update Lory")
    return found.keys


def refuse_open_file(path: Path, found: os.stat_result) -> None:
    """ServeError where others may read or write the keys.

    A file of the system's may be read by a group too: so a cluster hands secrets to a service.
    """
    if not hasattr(os, "getuid"):
        return
    allowed = {os.getuid(): 0o700, SYSTEM: 0o740}
    if found.st_uid not in allowed:
        raise ServeError(f"{path}: expected a file of user {os.getuid()}, found {found.st_uid}'s")
    if stat.S_IMODE(found.st_mode) & ~allowed[found.st_uid]:
        mode = stat.S_IMODE(found.st_mode)
        raise ServeError(f"{path}: expected mode 600, found {mode:o}; run: chmod 600 {path}")


def add_key(path: Path, name: str, *, admin: bool = False) -> str:
    """Make a person's key and keep its hash; gives the key, which nobody can tell later."""
    if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME or name != name.strip():
        raise ServeError(f"expected a name of 1 to {LONGEST_NAME} characters, found {name!r}")
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    digest = digest_of(secret)
    added = datetime.now(UTC).isoformat(timespec="seconds")
    key = Key(name=name, id=digest[:8], sha256=digest, admin=admin, added=added)
    with locked(path):
        write_keys(path, (*read_keys(path), key))
    return secret


def revoke_keys(path: Path, named: str) -> tuple[Key, ...]:
    """Take out the keys of a name, or one by its id; gives those. ServeError for none."""
    with locked(path):
        known = read_keys(path)
        gone = tuple(key for key in known if named in (key.name, key.id))
        if not gone:
            raise ServeError(f"expected a name or id of `lory serve keys list`, found {named!r}")
        write_keys(path, tuple(key for key in known if key not in gone))
    return gone


def write_keys(path: Path, keys: Sequence[Key]) -> None:
    """Put other keys in the file's place; a full disk leaves the file as it was."""
    content: dict[str, Any] = {"format": FORMAT, "keys": [asdict(key) for key in keys]}
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError as exc:
        with suppress(OSError):
            fresh.unlink()
        raise ServeError(
            f"{path}: expected to write the keys, found: {exc}; nothing changed"
        ) from exc


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file beside the keys that says somebody is changing them."""
    lock = path.with_name(f".{path.name}.lock")
    deadline = monotonic() + LOCK_SECONDS
    while True:
        try:
            lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
            break
        except FileExistsError as exc:
            if monotonic() > deadline:
                raise ServeError(
                    f"{lock}: expected nobody else to change the keys for {LOCK_SECONDS:g} s; "
                    "remove this file if nobody does"
                ) from exc
            sleep(0.05)
        except OSError as exc:
            raise ServeError(f"{path}: expected to write the keys, found: {exc}") from exc
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
