"""The bundle stage: the server loads what it writes, and the card states what was measured."""

import json
from dataclasses import replace
from pathlib import Path

import yaml

from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.bundles.manifest import Measurement
from trainer.export.bundle import as_text, read_provenance
from trainer.export.config import BundleConfig
from trainer.export.model_card import CardFacts, table, training_section, tuning_sections


def test_the_manifest_states_where_the_weights_come_from(
    small_bundle: Path, exported_run: dict[str, Path]
) -> None:
    manifest = load(small_bundle).manifest
    report = json.loads((exported_run["dedup"] / "report.json").read_text())
    assert manifest.provenance.ledger_sha256 == report["ledger_sha256"]
    assert manifest.provenance.licences == {"psf": 2}
    assert manifest.provenance.seed == 3
    assert manifest.provenance.training["steps"] == "100"
    assert manifest.precision == "int8"
    assert manifest.evaluation == (
        Measurement(
            metric="bits per byte", value=1.5, low=1.4, high=1.6, n=3, unit="bits", note="a test's"
        ),
    )
    names = [tensor.name for tensor in manifest.engine.inputs]
    assert names[:4] == ["input_ids", "seqlens_k", "total_sequence_length", "logits_from"]
    assert [tensor.name for tensor in manifest.engine.outputs][0] == "logits"


def test_the_bundle_s_graph_is_the_shipped_precision(
    small_bundle: Path, exported_run: dict[str, Path]
) -> None:
    shipped = exported_run["export"] / "model.int8.onnx"
    assert (small_bundle / "model.onnx").read_bytes() == shipped.read_bytes()


def test_the_card_states_data_licences_training_figures_and_limits(small_bundle: Path) -> None:
    card = (small_bundle / "MODEL_CARD.md").read_text()
    manifest = load(small_bundle).manifest
    for stated in (
        manifest.provenance.ledger_sha256,
        "| psf | 2 |",
        "| hardware | test |",
        "\n\nMade by a test.\n\n## Data",
        "| bits per byte | 1.5 bits | 1.4 to 1.6 | 3 | a test's |",
        "0 of them are not PyTorch's greedy choice",
        "% of 9 held-out lines exactly",
        "lory-train all --recipe recipe.yaml",
        "## Limits",
    ):
        assert stated in card


def test_the_recipe_in_the_bundle_holds_every_stage_s_settings(small_bundle: Path) -> None:
    recipe = yaml.safe_load((small_bundle / "recipe.yaml").read_text())
    assert recipe["export"]["precisions"] == ["int8"]
    assert recipe["pretrain"] == {"seed": 3}
    assert recipe["bundle"]["name"] == "small"


def test_facts_read_as_people_write_them() -> None:
    assert [as_text(value) for value in (1234567, 0.123456789, "cpu", True)] == [
        "1,234,567",
        "0.123457",
        "cpu",
        "True",
    ]


def test_a_table_has_a_head_a_rule_and_its_rows() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_every_tuning_stage_is_named_with_its_figures(
    exported_run: dict[str, Path], tmp_path: Path
) -> None:
    folders = {"sft": "training.json", "preferences": "report.json", "reward": "report.json"}
    for stage, report in folders.items():
        (tmp_path / stage).mkdir()
        (tmp_path / stage / report).write_text(json.dumps({"figures": {"steps": 1200, "x": 0.5}}))
    tuned = {**exported_run, **{stage: tmp_path / stage for stage in folders}}
    provenance = read_provenance(tuned, {"pretrain": {"seed": 3}})
    for stage in folders:
        assert provenance.training[f"{stage}: steps"] == "1,200"
        assert provenance.training[f"{stage}: x"] == "0.5"
    assert "ppo: steps" not in provenance.training
    untuned = read_provenance(exported_run, {"pretrain": {"seed": 3}})
    facts = CardFacts(
        config=BundleConfig(),
        network={},
        precision="int8",
        provenance=provenance,
        corpus={},
        parity={},
        evaluation=(),
    )
    (section,) = tuning_sections(facts)
    assert "| reward | steps | 1,200 |" in section
    assert "sft" not in training_section(facts)
    assert tuning_sections(replace(facts, provenance=untuned)) == []
