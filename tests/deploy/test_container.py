"""The container is built by its own file, and completes without a network or a disk to write on."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lsp_server.http.people.keys import add_key

ROOT = Path(__file__).parents[2]
VISIT = Path(__file__).with_name("container_visit.py")
TOOLS = ("buildah", "debootstrap", "bwrap")
BASE = "localhost/lory-base"
PACKAGES = "python3,python3-venv"
USER = "10001"
Arguments = list[str | Path]
CACHED = ROOT / ".cache" / "container" / "base"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(shutil.which, TOOLS)) or not hasattr(os, "getuid") or os.getuid() != 0,
        reason=f"needs {', '.join(TOOLS)}, and root to make a system in a folder",
    ),
]


@dataclass(frozen=True, slots=True)
class Builder:
    """Containers of a folder of their own."""

    folder: Path

    def __call__(self, *arguments: str | Path) -> str:
        """What buildah prints."""
        own: Arguments = ["--root", self.folder / "images", "--runroot", self.folder / "run"]
        return run("buildah", *own, "--storage-driver", "vfs", *arguments)


def run(*command: str | Path) -> str:
    """What a command prints; a failure has all of it."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def base() -> Path:
    """A Debian with Python in a folder, made once."""
    if not (CACHED / "bin" / "sh").exists():
        shutil.rmtree(CACHED, ignore_errors=True)
        CACHED.parent.mkdir(parents=True, exist_ok=True)
        made = CACHED.with_name("making")
        shutil.rmtree(made, ignore_errors=True)
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", made)
        made.rename(CACHED)
    return CACHED


@pytest.fixture(scope="module")
def container(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root file system of the built container."""
    folder = tmp_path_factory.mktemp("container")
    context = folder / "context"
    (context / "dist").mkdir(parents=True)
    shutil.copy(ROOT / "constraints.txt", context)
    wheels: Arguments = [
        "--constraint",
        ROOT / "constraints.txt",
        "--wheel-dir",
        context / "dist",
    ]
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *wheels, f"{ROOT}[http]")
    builder = Builder(folder)
    first = builder("from", "scratch")
    builder("add", "--quiet", first, base, "/")
    builder("commit", "--quiet", first, BASE)
    file = ROOT / "deploy" / "container" / "Containerfile"
    given = ["--build-arg", f"BASE={BASE}", "--build-arg", "PIP_NO_INDEX=1"]
    builder("build", "--isolation", "chroot", *given, "--tag", "lory", "--file", file, context)
    built = builder("from", "lory")
    yield Path(builder("mount", built))
    builder("rm", "--all")


def test_it_completes_on_a_file_system_that_only_reads_without_a_network(
    container: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, keys = tmp_path / "state", tmp_path / "keys"
    key = add_key(keys / "keys.json", "ann")
    keys.chmod(0o755)
    shutil.chown(keys / "keys.json", 0, int(USER))
    (keys / "keys.json").chmod(0o440)
    state.mkdir()
    os.chown(state, int(USER), int(USER))
    visit = tmp_path / "visit.py"
    visit.write_text(VISIT.read_text())
    walls: Arguments = [
        "--unshare-net",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--new-session",
    ]
    places: Arguments = [
        "--ro-bind",
        container,
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
    ]
    mounts: Arguments = ["--bind", state, "/var/lib/lory", "--ro-bind", keys, "/mnt"]
    environment = {
        "LORY_SERVE_STATE": "/var/lib/lory",
        "LORY_CACHE": "/var/lib/lory/cache",
        "LORY_SERVE_KEYS": "/mnt/keys.json",
        "HOME": "/var/lib/lory",
        "PATH": "/nowhere",
    }
    variables = [part for name, value in environment.items() for part in ("--setenv", name, value)]
    program = ["/opt/lory/bin/python", "/tmp/visit.py", key, USER, "/opt/lory/bin/lory", "serve"]
    bound: Arguments = ["--ro-bind", visit, "/tmp/visit.py", "--clearenv", *variables, "--"]
    options = ["--host", "0.0.0.0"]  # noqa: S104 - its own network, without a cable
    found = json.loads(run("bwrap", *walls, *places, *mounts, *bound, *program, *options))
    assert found["status"] == 200, found
    assert "a" in json.loads(found["content"])["choices"][0]["text"]
    assert (found["refused"], found["code"]) == (401, 0)
    with capsys.disabled():
        sys.stdout.write(
            f" ready in {found['ready']:.2f} s, completed in {found['completed']:.2f} s"
        )
