"""Writes files completely or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write `record` as indented JSON."""
    write_whole(path, json.dumps(record, indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write `text` so that `path` has all of it or what it had before, also after a power cut."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
