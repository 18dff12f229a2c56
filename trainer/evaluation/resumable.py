"""Splits a long evaluation into parts that are not measured twice.

parts/settings.json         what the parts were measured with; others start them over
parts/NAME/rows.json        the rows of a finished part, written last
parts/NAME/samples.jsonl    what the engine wrote and how it ended
"""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lsp_server.contract.bundles.manifest import Measurement
from lsp_server.contract.records import write_whole

Measure = Callable[[Path], list[Measurement]]
"""Measures into the part's folder, which may hold what an interrupted run left."""

SAMPLES = "samples.jsonl"


def open_parts(out: Path, settings: Mapping[str, Any]) -> Path:
    """The folder of parts, emptied where they were measured with other `settings`."""
    folder, wanted = out / "parts", json.dumps(settings, indent=1, sort_keys=True) + "\n"
    record = folder / "settings.json"
    if not record.exists() or record.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_whole(record, wanted)
    return folder


def measure_part(parts: Path, name: str, measure: Measure) -> list[Measurement]:
    """The part's rows, from its file where it was finished before."""
    folder = parts / name
    record = folder / "rows.json"
    if record.exists():
        return [Measurement(**row) for row in json.loads(record.read_text())]
    folder.mkdir(exist_ok=True)
    rows = measure(folder)
    write_whole(record, json.dumps([asdict(row) for row in rows]))
    return rows


def write_samples(folder: Path, samples: Iterable[Mapping[str, Any]]) -> None:
    """The part's samples, each a line of JSON that names the part."""
    lines = (json.dumps({"part": folder.name, **sample}) + "\n" for sample in samples)
    write_whole(folder / SAMPLES, "".join(lines))


def join_samples(parts: Path, names: Iterable[str], target: Path) -> None:
    """All parts' samples in one file, in the order of `names`."""
    files = [parts / name / SAMPLES for name in names]
    write_whole(target, "".join(file.read_text() for file in files if file.exists()))
