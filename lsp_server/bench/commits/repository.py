"""A git repository's objects, read with git's plumbing: no checkout, no hook, no transport.

Commands get no way to a network: an object that a partial clone has left on a server stays missing.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lsp_server.errors import BenchError

REGULAR_MODES = ("100644", "100755")
"""Git's modes of regular files: links and submodules are left out."""
SUFFIX = ".py"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of a commit."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, bare or not."""

    git_dir: Path

    def run(self, *words: str, stdin: bytes = b"") -> bytes:
        """Output of a git command; BenchError where git is missing or fails."""
        return run_git(["--git-dir", str(self.git_dir), *words], self.git_dir, stdin)

    def python_files(self, commit: str) -> list[Blob]:
        """All regular Python files of a commit that have a safe path."""
        rows = self.run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
        found = []
        for row in filter(None, rows):
            meta, _, name = row.partition(b"\t")
            mode, _, digest = meta.decode().split()
            path = name.decode("utf-8", "surrogateescape")
            if mode in REGULAR_MODES and path.endswith(SUFFIX) and is_safe(path):
                found.append(Blob(path, digest))
        return found

    def contents(self, digests: Sequence[str]) -> Iterator[bytes | None]:
        """The bytes of each object, by digests or names; None for one that is missing."""
        asked = "".join(f"{digest}\n" for digest in digests)
        output = self.run("cat-file", "--batch", stdin=asked.encode("utf-8", "surrogateescape"))
        at = 0
        for _ in digests:
            end = output.index(b"\n", at)
            size = output[at:end].split()[-1]
            at = end + 1
            if not size.isdigit():
                yield None
                continue
            yield output[at : at + int(size)]
            at += int(size) + 1


def open_repository(folder: Path) -> Repository:
    """The repository that a folder lies in, or that it is; BenchError where there is none."""
    if not folder.is_dir():
        raise BenchError(f"expected a git repository at {folder}, found no folder")
    found = run_git(["rev-parse", "--absolute-git-dir"], folder.resolve())
    return Repository(Path(os.fsdecode(found.rstrip(b"\n"))))


def run_git(words: Sequence[str], folder: Path, stdin: bytes = b"") -> bytes:
    """Output of a git command started in a folder; BenchError where git is missing or fails."""
    try:
        return subprocess.run(
            ["git", *words],
            cwd=folder,
            env=environment(os.environ),
            input=stdin,
            capture_output=True,
            check=True,
        ).stdout
    except FileNotFoundError as exc:
        raise BenchError("expected the git command, found none; install git") from exc
    except subprocess.CalledProcessError as exc:
        raise BenchError(f"expected git to read {folder}, found: {reason(exc.stderr)}") from exc


def reason(stderr: bytes) -> str:
    """Of what git has said, the line that tells why it failed."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return next(iter(fatal or lines), "no reason given")


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What git sees of the environment: no other repository, and no transport that it may use."""
    kept = {
        name: value
        for name, value in given.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    }
    return kept | {
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def is_safe(path: str) -> bool:
    """Whether a path of a tree, which may be crafted, stays below the folder it is written to."""
    parts = PurePosixPath(path).parts
    odd = any(part in ("..", ".git") or "\\" in part or ":" in part for part in parts)
    return not odd and not path.startswith("/") and path.isprintable()
