"""Real git repositories, made for one test."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=m")


def git(folder: Path, *words: str, stdin: bytes = b"") -> str:
    """Output of a git command."""
    done = subprocess.run(
        ["git", *IDENTITY, *words], cwd=folder, input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def make_repository(folder: Path, *commits: Mapping[str, str]) -> Path:
    """A repository with these files in one commit after the other; "" deletes one."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    for number, files in enumerate(commits):
        for path, text in files.items():
            place = folder / path
            if not text:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "--allow-empty", "-m", f"commit {number}")
    return folder
