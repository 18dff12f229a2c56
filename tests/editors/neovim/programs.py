"""Which Neovims the tests drive, and where the set-up has put them."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.needed import unavailable

EDITORS = Path(__file__).parents[3] / ".cache" / "editors"
UNPACKED = {"0.12": "neovim", "0.7": "neovim-too-old"}
"""Where get_neovim.sh puts them; 0.11 comes with the development environment."""


@dataclass(frozen=True, slots=True)
class Program:
    """One Neovim on this machine."""

    version: str
    path: Path
    runtime: Path | None = None


def find_program(version: str) -> Program:
    """The Neovim of a version that the set-up has put here; skips, or fails, where it is not."""
    program = Program(version, Path(sys.executable).with_name("nvim"))
    if version in UNPACKED:
        usr = EDITORS / UNPACKED[version] / "root" / "usr"
        program = Program(version, usr / "bin" / "nvim", usr / "share" / "nvim" / "runtime")
    if not program.path.exists():
        unavailable(f"no Neovim {version} at {program.path}; make it with: make editors")
    return program
