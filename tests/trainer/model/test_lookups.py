"""Tables beside the embedding: what they add, when they add nothing, and that they are kept."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lsp_server.contract.prompt import Sentinel
from trainer.errors import ExportError, RecipeError
from trainer.export.graph.decoders import build_decoder
from trainer.model.config import ModelConfig
from trainer.model.lookups import rows_of_bigrams
from trainer.model.networks import build, load
from trainer.model.objective import Objective
from trainer.pretraining.config import PretrainConfig
from trainer.pretraining.optimizer import build_optimizers

FILE = int(Sentinel.FILE)
VOCABULARY = 600
BOTH = ModelConfig(preset="tiny", context=64, value_embeddings=True, bigram_rows=97, bigram_width=8)
ROWS = torch.tensor([[FILE, 9, 10, 11, 9, 10, FILE, 9, 10, 12]])


def fresh(config: ModelConfig) -> Any:
    torch.manual_seed(5)
    return build(config, VOCABULARY)


def filled(config: ModelConfig) -> Any:
    """The same network after its tables have learned something."""
    model = fresh(config)
    for name, parameter in model.named_parameters():
        if "table" in name or "bigrams" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


@torch.no_grad()
def logits_of(model: Any, ids_BT: torch.Tensor = ROWS) -> torch.Tensor:
    return Objective(model).logits(ids_BT)


def test_a_fresh_network_with_tables_says_what_it_says_without_them() -> None:
    plain = fresh(ModelConfig(preset="tiny", context=64))
    torch.testing.assert_close(logits_of(fresh(BOTH)), logits_of(plain))


@pytest.mark.parametrize(
    "given", [{"value_embeddings": True}, {"bigram_rows": 97, "bigram_width": 8}]
)
def test_filled_tables_change_what_is_said_and_never_before_the_token_is_there(
    given: dict[str, Any],
) -> None:
    config = ModelConfig(preset="tiny", context=64, **given)
    model = filled(config)
    assert not torch.allclose(logits_of(model), logits_of(fresh(config)), atol=1e-3)
    other = ROWS.clone()
    other[0, 5] = 77
    before, after = logits_of(model), logits_of(model, other)
    torch.testing.assert_close(before[:, :5], after[:, :5])
    torch.testing.assert_close(before[:, 6:], after[:, 6:])  # the next segment, as the mask has it
    assert not torch.allclose(before[:, 5], after[:, 5], atol=1e-3)


def test_half_of_the_layers_have_value_embeddings_and_the_last_one_is_among_them() -> None:
    layers = fresh(BOTH).model.layers
    assert [hasattr(layer.self_attn.v_proj, "table") for layer in layers] == [False, True] * 2


def test_a_bigram_has_one_row_wherever_it_stands_and_a_segments_first_tokens_have_no_past() -> None:
    rows = rows_of_bigrams(ROWS, 9973)[0].tolist()
    assert rows[2] == rows[5] == rows[8]
    assert rows[1] == rows[7]
    assert rows[0] == rows[6]
    assert len({rows[0], rows[1], rows[2], rows[3], rows[4], rows[9]}) == 6


def test_bigrams_spread_over_all_rows() -> None:
    ids = torch.randint(8, 8192, (64, 1024), generator=torch.Generator().manual_seed(0))
    counts = torch.bincount(rows_of_bigrams(ids, 1021).flatten(), minlength=1021)
    assert counts.min() > 0
    assert counts.max() < 3 * counts.float().mean()


def test_tables_are_saved_and_loaded(tmp_path: Path) -> None:
    model = filled(BOTH)
    model.save_pretrained(tmp_path)
    loaded = load(tmp_path)
    torch.testing.assert_close(logits_of(loaded), logits_of(model))
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight


def test_bigrams_are_adagrads_value_embeddings_adamws_and_products_muons() -> None:
    model = fresh(BOTH)
    muon, adamw, adagrad = build_optimizers(model, PretrainConfig())
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [
        {names[id(parameter)] for group in found.param_groups for parameter in group["params"]}
        for found in (muon, adamw, adagrad)
    ]
    assert groups[2] == {"model.embed_tokens.bigrams.weight"}
    assert "model.layers.3.self_attn.v_proj.table.weight" in groups[1]
    assert {
        "model.embed_tokens.project.weight",
        "model.layers.3.self_attn.v_proj.weight",
    } <= groups[0]
    assert sum(map(len, groups)) == len(names)


def test_a_network_with_tables_is_not_exported_as_if_it_had_none() -> None:
    with pytest.raises(ExportError, match="expected a network without value or bigram embeddings"):
        build_decoder(fresh(BOTH), "fp32")


def test_other_presets_have_no_tables() -> None:
    with pytest.raises(RecipeError, match="none with preset gpt2-124m"):
        build(ModelConfig(preset="gpt2-124m", value_embeddings=True), VOCABULARY)
