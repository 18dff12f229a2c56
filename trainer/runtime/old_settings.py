"""Names of settings in earlier versions, so that old runs go on and old recipes are told."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from typing import Any

LOOP = (
    *("steps", "batch", "micro_batch", "learning_rate", "warmup_steps", "weight_decay"),
    *("clip_norm", "precision", "eval_every", "checkpoint_every", "keep_checkpoints", "seed"),
)

RENAMED = {
    "ppo.start_at": "ppo.prompt_source",
    "ppo.rounds": "ppo.iterations",
    "ppo.truth_coefficient": "ppo.sft_coefficient",
    "ppo.anchor_coefficient": "ppo.corpus_kl_coefficient",
    "ppo.anchor_blocks": "ppo.corpus_kl_blocks",
    **{f"{stage}.{name}": f"{stage}.loop.{name}" for stage in ("sft", "reward") for name in LOOP},
}

REPLACED: Mapping[str, Mapping[Any, Any]] = {
    "ppo.optimizer": {"natural": "natural_gradient"},
    "ppo.baseline": {"others": "leave_one_out"},
}
"""Values that have another name."""

FIXED: Mapping[str, Any] = {
    "ppo.fisher_rounds": 8,
    "ppo.value_clip": 0.2,
    "ppo.value_coefficient": 0.1,
    "ppo.entropy_coefficient": 0.0,
    "ppo.discount": 1.0,
    "ppo.trace": 0.95,
    "ppo.reward_seconds": 10.0,
    "ppo.skipped_share": 0.25,
    "ppo.exact_points": 0.5,
}
"""What was a setting once, and has this value in every run."""


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings by dotted name."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def translate(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Settings of any version, flat, under the names of this one.

    One that is fixed now is left out where it had that value, and kept as it is where it had not.
    """
    return {
        RENAMED.get(name, name): REPLACED.get(name, {}).get(as_key(value), value)
        for name, value in flat(settings, before).items()
        if name not in FIXED or FIXED[name] != value
    }


def as_key(value: object) -> str | None:
    """The value where it is a word."""
    return value if isinstance(value, str) else None


def nest(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted name, as a recipe has them."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        *above, last = name.split(".")
        level = found
        for part in above:
            level = level.setdefault(part, {})
        level[last] = value
    return found


def differing(
    stage: str, made_with: Mapping[str, Any], config: Any, may_change: Collection[str] = ()
) -> list[str]:
    """Names of a stage's settings in `config` that are not what it was made with, by any version.

    A setting that the record does not have is younger than the record: its default is no change.
    """
    made = translate(made_with, f"{stage}.")
    wanted, young = recorded(config, f"{stage}."), recorded(type(config)(), f"{stage}.")
    compared = young | made
    keys = [name for name in wanted | made if wanted.get(name) != compared.get(name)]
    return sorted(key.removeprefix(f"{stage}.") for key in keys if key not in may_change)


def recorded(config: Any, before: str = "") -> dict[str, Any]:
    """A dataclass of settings as its record has it, flat."""
    return flat(json.loads(json.dumps(asdict(config))), before)


def advice(message: str) -> Iterator[str]:
    """What to write in place of each old setting that a parser's message complains of."""
    for old, new in RENAMED.items():
        if names(message, old):
            yield f"{old} is called {new} now"
    for old, value in FIXED.items():
        if names(message, old):
            yield f"{old} is {json.dumps(value)} in every run now: leave it out"
    for key, values in REPLACED.items():
        for old, new in values.items():
            if names(message, key) and names(message, old):
                yield f"{key}: {old} is called {new} now"


def names(message: str, word: str) -> bool:
    """Whether the message has the word as a whole."""
    return re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.]*\w)", message) is not None
