"""Keys, who a key belongs to, and how much one person may ask."""

import hmac
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server.errors import ServeError
from lsp_server.http.people.figures import Day
from lsp_server.http.people.keys import add_key, find_key, read_keys, revoke_keys
from lsp_server.http.people.limits import Limits
from lsp_server.http.people.register import LOOK_SECONDS, Register
from lsp_server.http.refusal import Refusal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys.json"


def test_a_key_is_kept_as_a_hash_in_a_file_that_only_its_owner_reads(path: Path) -> None:
    secret = add_key(path, "ann")
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    found = find_key(read_keys(path), secret)
    assert found is not None
    assert (found.name, found.admin) == ("ann", False)
    assert find_key(read_keys(path), secret[:-1]) is None


def test_two_keys_never_are_the_same(path: Path) -> None:
    assert add_key(path, "ann") != add_key(path, "ann")
    assert len(read_keys(path)) == 2


def test_a_person_or_one_key_is_revoked(path: Path) -> None:
    add_key(path, "ann")
    secret = add_key(path, "ben")
    add_key(path, "ann")
    assert [key.name for key in revoke_keys(path, "ann")] == ["ann", "ann"]
    (left,) = read_keys(path)
    assert find_key((left,), secret) is left
    revoke_keys(path, left.id)
    assert read_keys(path) == ()
    with pytest.raises(ServeError, match="keys list"):
        revoke_keys(path, "ann")


def test_every_key_is_compared_in_constant_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = [add_key(path, name) for name in ("ann", "ben", "eve")]
    compared: list[str] = []
    real = hmac.compare_digest

    def watch(one: str, other: str) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watch)
    keys = read_keys(path)
    assert find_key(keys, secrets[0]) is keys[0]
    assert compared == [key.sha256 for key in keys]


@pytest.mark.skipif(os.name == "nt", reason="modes of files are POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o620, 0o604])
def test_a_file_that_others_may_touch_is_not_trusted(path: Path, mode: int) -> None:
    add_key(path, "ann")
    path.chmod(mode)
    with pytest.raises(ServeError, match="chmod 600"):
        read_keys(path)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1, "keys": [{}]}', '{"format": 2}'])
def test_a_damaged_file_is_an_error_and_not_an_open_door(path: Path, content: str) -> None:
    add_key(path, "ann")
    path.write_text(content)
    with pytest.raises(ServeError):
        read_keys(path)


@pytest.mark.parametrize("name", ["", " ann", "a\nb", "x" * 65])
def test_a_name_that_would_not_show_is_refused(path: Path, name: str) -> None:
    with pytest.raises(ServeError):
        add_key(path, name)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
def test_a_full_disk_leaves_the_keys_as_they_were(path: Path) -> None:
    secret = add_key(path, "ann")
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from pathlib import Path\n"
        "from lsp_server.http.people.keys import add_key\n"
        "add_key(Path(sys.argv[1]), 'ben')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )
    assert "nothing changed" in done.stderr
    (left,) = read_keys(path)
    assert find_key((left,), secret) is left
    assert sorted(each.name for each in path.parent.iterdir()) == ["keys.json"]


def test_a_key_that_is_revoked_stops_working_without_a_restart(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = add_key(path, "ann")
    now = [0.0]
    monkeypatch.setattr("lsp_server.http.people.register.monotonic", lambda: now[0])
    register = Register(path)
    assert register.find(secret) is not None
    revoke_keys(path, "ann")
    now[0] += LOOK_SECONDS
    assert register.find(secret) is None
    assert register.needs_key, "without any key left, nobody gets in"
    path.unlink()
    now[0] += LOOK_SECONDS
    assert register.find(secret) is None


def test_people_are_told_apart_in_caches_and_not_by_name(path: Path) -> None:
    secrets = [add_key(path, name) for name in ("ann", "ann", "ben")]
    register = Register(path)
    people = [register.find(secret) for secret in secrets]
    owners = [person.owner for person in people if person]
    assert owners[0] == owners[1] != owners[2]
    assert "ann" not in owners[0]
    other = Register(path).find(secrets[0])
    assert other is not None
    assert other.owner != owners[0], "the salt is another in each service"


def test_a_burst_is_let_in_and_then_so_many_a_second() -> None:
    now = [0.0]
    limits = Limits(10, rate=2.0, burst=3, clock=lambda: now[0])
    for _ in range(3):
        with limits.admit("ann"):
            pass
    with pytest.raises(Refusal) as caught, limits.admit("ann"):
        pass
    assert (caught.value.status, caught.value.retry_after) == (429, 1)
    with limits.admit("ben"):  # others are not concerned
        now[0] += 0.5
    with limits.admit("ann"):
        pass


def test_so_many_requests_at_a_time_and_room_again_once_one_ends() -> None:
    limits = Limits(2, rate=100.0, burst=100, clock=lambda: 0.0)
    with limits.admit("ann"):
        with limits.admit("ann"), pytest.raises(Refusal), limits.admit("ann"):
            pass
        with limits.admit("ann"):
            pass


def test_figures_begin_anew_at_midnight() -> None:
    today = ["2026-01-01"]
    day = Day(lambda: today[0])
    day.of("ann").requests += 1
    day.of("ann").milliseconds.extend([1, 2, 3])
    assert day.of("ann").quantile(0.5) == 2
    today[0] = "2026-01-02"
    assert day.people == {}
    assert day.of("ann").quantile(0.5) == 0
