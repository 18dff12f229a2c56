"""Who a request is from: the keys as the file has them now, without a restart."""

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from lsp_server.errors import ServeError
from lsp_server.http.people.keys import find_key, read_keys

LOOK_SECONDS = 0.5
"""Between two looks at whether the file has changed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks."""

    name: str
    owner: str
    """Stands for them in every cache; nobody can tell the name from it."""
    admin: bool = False


class Register:
    """Knows the people; where there is no file of keys, everybody on this machine is one person."""

    def __init__(self, path: Path) -> None:
        """Reads the keys; ServeError where their file cannot be trusted."""
        self._path = path
        self._salt = secrets.token_bytes(32)
        self._keys = read_keys(path)
        self.needs_key = path.exists()
        """Settled at the start: taking the last key away opens nothing."""
        self._seen = self._look()
        self._looked = monotonic()

    @property
    def has_keys(self) -> bool:
        """Whether anybody can get in."""
        return bool(self._keys)

    def nobody(self) -> Person:
        """Who asks where no key is needed."""
        return Person("local", self._owner("local"), admin=True)

    def find(self, secret: str) -> Person | None:
        """Whose key this is; None for nobody's."""
        self._follow()
        key = find_key(self._keys, secret)
        return None if key is None else Person(key.name, self._owner(key.name), key.admin)

    def reload(self) -> None:
        """Read the file again, now."""
        try:
            self._keys = read_keys(self._path)
        except ServeError as exc:
            log.error("the keys stay as they were: %s", exc)

    def _owner(self, name: str) -> str:
        return hmac.new(self._salt, name.encode(), hashlib.sha256).hexdigest()[:32]

    def _follow(self) -> None:
        now = monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            self.reload()

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0, 0
        return found.st_ino, found.st_mtime_ns, found.st_size
