"""The replay of Lory's own server, with the scripted engine instead of a model."""

import json
import sys
from pathlib import Path

from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.editors import EditorName
from lsp_server.bench.replay.plans import plan_replay
from lsp_server.bench.replay.replay import replay
from lsp_server.bench.texts.files import read_folders

CODE = "def add(first, second):\n    total = first + second\n    return total\n"


def test_a_rules_completion_is_taken_once_and_saves_its_characters(
    tmp_path: Path, small_bundle: Path
) -> None:
    workspace = tmp_path / "code"
    workspace.mkdir()
    (workspace / "m.py").write_text(CODE)
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([{"after": "total = ", "completion": "first + second"}]))
    config = ReplayConfig(
        command=(sys.executable, "-m", "lsp_server", "lsp"),
        options={
            "bundle": str(small_bundle),
            "engine": "scripted",
            "engine_options": {"script": str(rules)},
        },
        blocks=1,
        points=0,
        gaps=0,
        editor=EditorName.PLAIN,
        lines=3,
        timeout=60.0,
    )
    records = replay(config, plan_replay(config, read_folders([workspace])), Path.cwd())
    (block,) = records.blocks
    tally = block.tally
    assert (tally.characters, tally.saved, tally.shown, tally.taken) == (59, 14, 1, 1)
    assert len(block.answers) == 59 - 14
    assert records.server.name == "lory"
    assert records.model
    assert records.work is not None
    assert records.work.requests == len(block.answers)
