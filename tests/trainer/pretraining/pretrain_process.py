"""Runs the pretrain stage as a process: takes a JSON file with inputs, out and settings."""

import json
import sys
from pathlib import Path

from trainer.errors import TrainerError
from trainer.model.config import ModelConfig
from trainer.pretraining.config import PretrainConfig
from trainer.pretraining.stage import run


def main(job: Path) -> int:
    """Exit status: 0, or 2 after an error that the trainer explains."""
    settings = json.loads(job.read_text())
    config = PretrainConfig(model=ModelConfig(**settings["model"]), **settings["pretrain"])
    inputs = {name: Path(folder) for name, folder in settings["inputs"].items()}
    try:
        run(config, inputs, Path(settings["out"]))
    except TrainerError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
