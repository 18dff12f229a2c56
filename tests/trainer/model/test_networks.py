"""Presets, the article's GPT-2 by its size, and what tells GPT-1's block order from GPT-2's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lsp_server.contract.prompt import Sentinel
from trainer.errors import RecipeError
from trainer.model.config import ModelConfig
from trainer.model.networks import LLAMA_SHAPES, build, load


def meta_model(config: ModelConfig, vocabulary: int) -> Any:
    """A model with shapes and no memory."""
    with torch.device("meta"):
        return build(config, vocabulary)


def test_gpt2_of_the_article_has_its_124_242_432_parameters() -> None:
    model = meta_model(ModelConfig(preset="gpt2-124m", context=1024), 50_000)
    assert model.num_parameters() == 124_242_432


@pytest.mark.parametrize(
    ("preset", "millions"),
    [("tiny", 2.8), ("6m", 8.5), ("10m", 10.0), ("25m", 25.2), ("45m", 44.6)],
)
def test_a_llama_preset_has_its_size_and_its_parts(preset: Any, millions: float) -> None:
    model = meta_model(ModelConfig(preset=preset, context=512), 16_384)
    config, shape = model.config, LLAMA_SHAPES[preset]
    assert model.num_parameters() / 1e6 == pytest.approx(millions, abs=0.06)
    assert config.num_key_value_heads == shape.kv_heads < config.num_attention_heads
    assert config.hidden_size == config.num_attention_heads * config.head_dim
    assert config.max_position_embeddings == 512
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    kinds = {type(module).__name__ for module in model.modules()}
    assert {"LlamaRMSNorm", "LlamaRotaryEmbedding", "SiLUActivation"} <= kinds


def test_the_configuration_names_the_sentinels() -> None:
    for preset in ("tiny", "gpt2-124m"):
        config = meta_model(ModelConfig(preset=preset), 1000).config
        found = (config.bos_token_id, config.eos_token_id, config.pad_token_id)
        assert found == (Sentinel.FILE, Sentinel.END, Sentinel.PAD)


def test_matrices_that_write_to_the_residual_stream_start_narrower_by_its_depth() -> None:
    torch.manual_seed(0)
    model = build(ModelConfig(preset="tiny"), 1000)
    for layer in model.model.layers:
        for writer in (layer.self_attn.o_proj, layer.mlp.down_proj):
            assert writer.weight.std().item() == pytest.approx(0.02 / 8**0.5, rel=0.05)
        assert layer.mlp.up_proj.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_gpt1_order_is_refused_for_a_llama_preset() -> None:
    with pytest.raises(RecipeError, match="only preset gpt2-124m has both orders"):
        build(ModelConfig(preset="tiny", block_order="gpt1"), 1000)


def attention_inputs(model: Any, ids_BT: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Embeddings, then what each block's attention reads."""
    seen: list[torch.Tensor] = []
    hooks = [
        block.attn.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
        for block in model.transformer.h
    ]
    model(input_ids=ids_BT)
    for hook in hooks:
        hook.remove()
    places = torch.arange(ids_BT.shape[1])
    return model.transformer.wte(ids_BT) + model.transformer.wpe(places), seen


@pytest.fixture
def ids_BT() -> torch.Tensor:
    return torch.randint(7, 600, (2, 24), generator=torch.Generator().manual_seed(1))


def test_gpt2_normalises_the_input_of_each_sub_block_where_gpt1_reads_the_residual_stream(
    make_model: Callable[[str], Any], ids_BT: torch.Tensor
) -> None:
    for kind in ("gpt2", "gpt1"):
        model = make_model(kind)
        embedded, seen = attention_inputs(model, ids_BT)
        first = model.transformer.h[0].ln_1(embedded) if kind == "gpt2" else embedded
        torch.testing.assert_close(seen[0], first)


def test_gpt1_normalises_after_each_residual_sum_and_has_no_norm_at_the_end(
    make_model: Callable[[str], Any], ids_BT: torch.Tensor
) -> None:
    gpt1, gpt2 = make_model("gpt1"), make_model("gpt2")
    embedded, _ = attention_inputs(gpt1, ids_BT)
    hidden = embedded
    causal = torch.ones(24, 24, dtype=torch.bool).tril().expand(2, 1, 24, 24)
    for block in gpt1.transformer.h:
        hidden = block.ln_1(hidden + block.attn(hidden, attention_mask=causal)[0])
        hidden = block.ln_2(hidden + block.mlp(hidden))
    torch.testing.assert_close(gpt1.transformer(input_ids=ids_BT).last_hidden_state, hidden)
    final_norm = sum(p.numel() for p in gpt2.transformer.ln_f.parameters())
    assert gpt2.num_parameters() - gpt1.num_parameters() == final_norm > 0


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt1"])
def test_a_saved_model_comes_back_with_its_block_order_and_logits(
    make_model: Callable[[str], Any], ids_BT: torch.Tensor, tmp_path: Path, kind: str
) -> None:
    model = make_model(kind)
    model.save_pretrained(tmp_path)
    again = load(tmp_path).eval()
    torch.testing.assert_close(again(input_ids=ids_BT).logits, model(input_ids=ids_BT).logits)
