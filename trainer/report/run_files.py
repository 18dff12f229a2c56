"""Reads curves and settings from a run's folder."""

import json
from pathlib import Path
from typing import Any

from trainer.runtime.metrics import curves_of, read_lines


def read_curves(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Points (step, value) of every number in a file of metrics."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in read_lines(path):
        record = json.loads(line)
        for name, value in curves_of(record).items():
            if isinstance(value, int | float):
                curves.setdefault(name, []).append((record["step"], value))
    return curves


def read_json(path: Path) -> dict[str, Any]:
    """An object of a file; empty where there is none."""
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def read_settings(run: Path, stage: str) -> dict[str, Any]:
    """What a stage was made with, or is to be made with by the recipe that the run keeps."""
    import yaml

    done: dict[str, Any] | None = read_json(run / stage / "done.json").get("config")
    kept = run / "recipe.yaml"
    if done is not None or not kept.exists():
        return done or {}
    found: dict[str, Any] = yaml.safe_load(kept.read_text(encoding="utf-8")) or {}
    return found.get(stage) or {}


def number(value: float | None) -> str:
    """A number for people; "-" for none."""
    return "-" if value is None else f"{value:.4g}"
