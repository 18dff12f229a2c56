"""The evaluate stage on a lightly trained model: every figure asked for, with its interval."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from trainer.corpus.blocks.segments import Segmenter
from trainer.corpus.blocks.text_store import TextStore
from trainer.corpus.config import PackingConfig
from trainer.corpus.packing import HELDOUT_EPOCH, pack
from trainer.errors import RecipeError, StageError
from trainer.evaluation import stage as evaluate
from trainer.evaluation.config import EvaluateConfig
from trainer.export.artifacts import find_graphs

PROBLEMS = [
    {
        "task_id": f"HumanEval/{number}",
        "prompt": f"def f{number}(x):\n",
        "suffix": "",
        "test": "def check(candidate):\n    assert candidate(1) == 1\n",
        "entry_point": f"f{number}",
    }
    for number in range(3)
]

PRINTED = [
    {
        "task_id": f"block_{number}",
        "eval_prompt": "x = int(input())\n{{completion}}\nprint(x)\n",
        "ground_truth": "x += 1",
        "unit_tests": [{"input": "1", "output": ["2"]}],
    }
    for number in range(3)
]


@pytest.fixture(scope="module")
def inputs(
    exported_run: dict[str, Path],
    small_tokenizer: Tokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Every stage before evaluate, done."""
    out = tmp_path_factory.mktemp("packing")
    config = PackingConfig(block_tokens=128, fim_rate=0.0, path_rate=1.0)
    with TextStore(exported_run["dedup"] / "heldout", out / "heldout.texts") as texts:
        segmenter = Segmenter(small_tokenizer, config)
        report = pack(segmenter, texts, out / "heldout.u16", HELDOUT_EPOCH, 3000)
        pack(segmenter, texts, out / "epoch-000.u16", 0, 3000)
    packing = {"block_tokens": config.block_tokens, "heldout": report}
    (out / "packing.json").write_text(json.dumps(packing))
    return {**exported_run, "packing": out}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> EvaluateConfig:
    folder = tmp_path_factory.mktemp("problems")
    holes = [{**problem, "suffix": "    return x\n"} for problem in PROBLEMS]
    sets: dict[str, list[dict[str, Any]]] = {
        "humaneval": PROBLEMS,
        "humaneval_infilling_line": holes,
        "safim_python_block": PRINTED,
    }
    for name, rows in sets.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    return EvaluateConfig(
        cursors=6,
        humaneval=str(folder / "humaneval.jsonl"),
        infilling=[str(folder / "humaneval_infilling_line.jsonl")],
        safim=[str(folder / "safim_python_block.jsonl")],
        snippets=5,
        samples=10,
        solution_tokens=8,
    )


@pytest.fixture(scope="module")
def evaluated(
    config: EvaluateConfig, inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("evaluate")
    evaluate.run(config, inputs, out)
    return out


def read_rows(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((out / "evaluation.json").read_text())["rows"]
    return rows


def read_samples(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]


def test_every_figure_has_its_interval(evaluated: Path) -> None:
    rows = read_rows(evaluated)
    assert [row["metric"] for row in rows] == [
        "bits_per_byte",
        "line_exact_match/suffix/int8",
        "line_similarity/suffix/int8",
        "line_exact_match/left_to_right/int8",
        "line_similarity/left_to_right/int8",
        "line_exact_match/suffix/fp32",
        "line_similarity/suffix/fp32",
        "line_exact_match/left_to_right/fp32",
        "line_similarity/left_to_right/fp32",
        "infilling_pass@1/line",
        "safim_pass@1/block",
        "humaneval_pass@1",
        "humaneval_pass@10",
        "memorised/training",
        "memorised/heldout",
    ]
    for row in rows:
        assert row["low"] <= row["value"] <= row["high"], row
        assert row["low"] < row["high"], row
        assert row["n"] > 0


def test_bits_per_byte_are_those_of_the_sum_over_all_blocks(
    evaluated: Path, inputs: dict[str, Path]
) -> None:
    from contextlib import nullcontext

    from trainer.model.heldout import bits_per_byte, read_heldout, sum_nats
    from trainer.model.networks import load
    from trainer.model.objective import Objective

    heldout = read_heldout(inputs["packing"], 128, 10**6)
    objective = Objective(load(inputs["pretrain"] / "model"))
    nats = sum_nats(objective, heldout.rows, 4, nullcontext)
    row = read_rows(evaluated)[0]
    assert row["value"] == pytest.approx(
        bits_per_byte(nats, int(heldout.text_bytes.sum())), abs=1e-3
    )
    assert row["n"] == len(heldout.rows)


def test_the_samples_say_what_the_figures_rest_on(evaluated: Path) -> None:
    samples, rows = read_samples(evaluated), {row["metric"]: row for row in read_rows(evaluated)}
    lines = [sample for sample in samples if sample["part"] == "lines-suffix-int8"]
    exact = sum(line["exact"] for line in lines) / len(lines)
    assert rows["line_exact_match/suffix/int8"]["value"] == pytest.approx(100 * exact, abs=1e-3)
    solutions = [sample for sample in samples if sample["part"] == "humaneval"]
    passed = sum(sample["verdict"] == "passed" for sample in solutions) / len(solutions)
    assert len(solutions) == 30
    assert rows["humaneval_pass@1"]["value"] == pytest.approx(100 * passed, abs=1e-3)


def test_samples_of_one_problem_differ(evaluated: Path) -> None:
    texts = {
        (sample["task_id"], sample["text"])
        for sample in read_samples(evaluated)
        if sample["part"] == "humaneval"
    }
    assert len(texts) > len(PROBLEMS)


def test_a_run_that_was_killed_before_its_last_part_gives_the_same_table(
    evaluated: Path, config: EvaluateConfig, inputs: Mapping[str, Path]
) -> None:
    table, samples = read_rows(evaluated), read_samples(evaluated)
    part = evaluated / "parts" / "humaneval"
    (part / "rows.json").unlink()
    texts = (part / "texts.jsonl").read_text()
    (part / "texts.jsonl").write_text(texts[: len(texts) // 2])
    (evaluated / "evaluation.json").unlink()
    untouched = (evaluated / "parts" / "bits" / "rows.json").stat().st_mtime_ns
    evaluate.run(config, inputs, evaluated)
    assert read_rows(evaluated) == table
    assert read_samples(evaluated) == samples
    assert (evaluated / "parts" / "bits" / "rows.json").stat().st_mtime_ns == untouched


def test_without_problem_sets_only_bits_and_lines_are_measured(
    config: EvaluateConfig, inputs: Mapping[str, Path]
) -> None:
    plan = evaluate.plan(replace(config, humaneval="", infilling=[], safim=[], snippets=0), inputs)
    assert [name.partition("-")[0] for name in plan] == ["bits"] + ["lines"] * 4


def test_a_missing_graph_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    (tmp_path / "done.json").write_text(json.dumps({"config": {"precisions": ["int8"]}}))
    with pytest.raises(StageError, match="lory-train export"):
        find_graphs(tmp_path)


def test_unquantized_exports_are_measured_once(tmp_path: Path) -> None:
    (tmp_path / "done.json").write_text(json.dumps({"config": {"precisions": []}}))
    (tmp_path / "model.fp32.onnx").touch()
    (graph,) = find_graphs(tmp_path)
    assert (graph.precision, graph.shipped) == ("fp32", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": 0},
        {"temperature": -0.1},
        {"top_p": 0.0},
        {"timeout_seconds": 0.0},
        {"infilling": ["a/set.jsonl", "b/set.jsonl"]},
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=f"evaluate.{next(iter(wrong))}: expected"):
        EvaluateConfig(**wrong)
