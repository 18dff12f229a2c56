"""Names that all stages share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Inputs = Mapping[str, Path]
"""Folder of every finished stage, by stage name."""


TuningStage = Literal["sft", "preferences", "reward", "ppo"]
