"""The smallest recipe in which every stage has something to do."""

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

MODULES = (
    *("heapq", "textwrap", "argparse", "ast", "shlex", "string"),
    *("types", "queue", "sched", "bisect", "fnmatch", "glob"),
)
LOOP = {"steps": 4, "batch": 8, "micro_batch": 2, "eval_every": 2, "checkpoint_every": 2}


def write_recipe(folder: Path, **changes: dict[str, Any]) -> Path:
    """A recipe over a dozen modules in six repositories; `changes` by stage."""
    rows = [
        {
            "repo_name": f"r{number % 6}",
            "path": f"{name}.py",
            "content": inspect.getsource(import_module(name)),
            "license": "psf-2.0",
        }
        for number, name in enumerate(MODULES)
    ]
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = {"preset": "tiny", "context": 128}
    recipe: dict[str, dict[str, Any]] = {
        "sources": {"sources": [{"plugin": "dataset", "options": {"files": [str(data)]}}]},
        "filters": {"workers": 1},
        "dedup": {"heldout_share": 0.0, "heldout_repositories": ["r0"]},
        "tokenizer": {"vocabulary": 640, "compare_gpt2": False},
        "packing": {"block_tokens": 128, "max_train_tokens": 20_000, "heldout_tokens": 4_000},
        "pretrain": {
            "model": model,
            **{"steps": 4, "batch_tokens": 512, "micro_batch": 2, "eval_blocks": 4},
            **{"precision": "fp32", "warmup_steps": 0},
        },
        "sft": {
            **{"samples": 40, "heldout_samples": 8, "context": 96, "answer_tokens": 24},
            "loop": LOOP,
        },
        "preferences": {
            "sources": [{"plugin": "analysis", "options": {"cursors": 40, "max_tokens": 8}}],
            "heldout_share": 0.3,
        },
        "reward": {"context": 64, "loop": LOOP},
        "ppo": {
            **{"iterations": 2, "rollouts": 8, "rollouts_per_prompt": 2, "prompt_tokens": 64},
            **{"max_tokens": 8, "micro_batch": 2, "eval_every": 1, "eval_cursors": 6},
            **{"eval_blocks": 2, "checkpoint_every": 1, "reward_workers": 1},
            **{"longest_document": 200_000, "warmup_steps": 0},
            "rewards": [{"plugin": "parses"}, {"plugin": "match"}],
        },
        "export": {
            **{"parity_prompts": 4, "parity_steps": 8, "exact_match_cursors": 4},
            "exact_match_tolerance": 100.0,
        },
        "evaluate": {"cursors": 4},
    }
    for stage, values in changes.items():
        recipe[stage] = {**recipe[stage], **values}
    path = folder / "all.yaml"
    path.write_text(yaml.safe_dump({**recipe, "tune": ["sft", "preferences", "reward", "ppo"]}))
    return path
