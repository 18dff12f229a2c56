"""The stages in their one order: takes a recipe and a run folder, gives it with every stage done.

A stage is a module with `run(config, inputs, out)`: its settings, the folders of the stages before
it, and its own folder. `done.json`, written last, says that a stage is finished and with which
settings. A stage without it starts over in an empty folder, except those that resume in their own.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from trainer.config import Recipe
from trainer.errors import StageError

Inputs = Mapping[str, Path]
"""Folder of every finished stage, by stage name."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One station: its module is `trainer.NAME`, its settings are the recipe's field NAME."""

    name: str
    resumes: bool = False
    """Whether a half-finished folder is handed back to the stage instead of being emptied."""


STAGES: tuple[Stage, ...] = (
    Stage("sources"),
    Stage("filters"),
    Stage("dedup"),
    Stage("tokenizer"),
    Stage("packing"),
    Stage("pretrain", resumes=True),
    # Tuning (sft, preferences, reward, ppo) takes its place here.
    Stage("export"),
    Stage("evaluate", resumes=True),
    Stage("bundle"),
)


def run_stage(stage: Stage, recipe: Recipe, run: Path) -> bool:
    """Bring one stage to its end; False where it was finished before.

    Raises StageError where an earlier stage is missing, or this one was made with other settings.
    """
    out = run / stage.name
    config = asdict(getattr(recipe, stage.name))
    if (out / "done.json").exists():
        check_settings(stage, out, config)
        return False
    inputs = finished_before(stage, run)
    if out.exists() and not stage.resumes:
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    started = time.time()
    import_module(f"trainer.{stage.name}").run(getattr(recipe, stage.name), inputs, out)
    if process_rank() == 0:
        write_done(
            out, {"stage": stage.name, "config": config, "seconds": round(time.time() - started, 1)}
        )
    return True


def run_all(recipe: Recipe, run: Path) -> list[str]:
    """Every stage in order; gives the names of those that had work to do."""
    return [stage.name for stage in STAGES if run_stage(stage, recipe, run)]


def finished_before(stage: Stage, run: Path) -> Inputs:
    """Folders of the stages before `stage`; raises StageError for the first that is not done."""
    folders: dict[str, Path] = {}
    for earlier in STAGES[: STAGES.index(stage)]:
        folder = run / earlier.name
        if not (folder / "done.json").exists():
            raise StageError(
                f"stage {stage.name} needs stage {earlier.name}, which is not finished in {run}; "
                f"run it first: lory-train {earlier.name} --run {run}"
            )
        folders[earlier.name] = folder
    return folders


def check_settings(stage: Stage, out: Path, config: dict[str, Any]) -> None:
    """Raise StageError where a finished stage was made with settings other than `config`."""
    made_with = json.loads((out / "done.json").read_text())["config"]
    wanted = json.loads(json.dumps(config))
    if made_with != wanted:
        keys = sorted(key for key in wanted | made_with if wanted.get(key) != made_with.get(key))
        raise StageError(
            f"stage {stage.name} in {out.parent} was made with other settings ({', '.join(keys)}); "
            f"give a new --run, or delete {out} to make it again"
        )


def write_done(out: Path, record: dict[str, Any]) -> None:
    """Write `done.json` so that it is there whole or not at all."""
    partial = out / "done.json.partial"
    partial.write_text(json.dumps(record, indent=1) + "\n")
    partial.replace(out / "done.json")


def process_rank() -> int:
    """Rank of this process under torchrun or accelerate; 0 alone."""
    return int(os.environ.get("RANK", "0"))
