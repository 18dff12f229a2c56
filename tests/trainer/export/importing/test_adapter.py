"""Adapters: nothing changes at first, what is learned is merged, a broken run goes on exactly."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.prompt import load_tokenizer
from tests.trainer.export.importing.zoo import make_model
from trainer.errors import CheckpointError, ImportModelError
from trainer.export.adapter.config import AdapterConfig
from trainer.export.adapter.lora import adapt
from trainer.export.adapter.samples import Samples
from trainer.export.adapter.training import Run, add_gradients, train
from trainer.export.importing.importer import Options, import_model, renumber_source
from trainer.export.importing.sources.find import find_source

CONFIG = AdapterConfig(steps=40, rank=4, batch=2, rate=3e-3)


@pytest.fixture(scope="module")
def prepared(
    tmp_path_factory: pytest.TempPathFactory,
    write_checkpoint: Callable[..., Path],
    small_corpus: list[str],
) -> tuple[Path, Samples]:
    """A checkpoint, and samples of a folder in its bundle's layout."""
    root = tmp_path_factory.mktemp("adapter")
    source = write_checkpoint(root / "source")
    import_model(str(source), root / "bundle", Options(), lambda line: None)
    (root / "files").mkdir()
    for at, text in enumerate(small_corpus):
        (root / "files" / f"m{at}.py").write_text(text[:20_000])
    bundle, rows = load(root / "bundle"), renumber_source(find_source(str(source))).rows
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    files = sorted((root / "files").glob("*.py"))
    return source, Samples(files, tokenizer, bundle.manifest.layout, rows)


def test_an_adapter_changes_nothing_before_it_has_learned(prepared: tuple[Path, Samples]) -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    plain, adapted = make_model("llama"), make_model("llama")
    learned = adapt(adapted, 4, 0)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        difference = (plain(input_ids=ids).logits - adapted(input_ids=ids).logits).abs().max()
    assert float(difference) < 0.02
    assert len(learned) == 3 * 7 * 2  # layers, matrices, a and b


def test_a_model_without_linear_layers_is_refused_in_one_line() -> None:
    with pytest.raises(ImportModelError, match="GPT2LMHeadModel: expected linear layers"):
        adapt(make_model("gpt2"), 4, 0)


def test_a_run_that_was_broken_off_goes_on_to_the_bit_and_learns(
    prepared: tuple[Path, Samples], tmp_path: Path
) -> None:
    _, samples = prepared
    torch.set_num_threads(1)
    whole = train(make_model("llama"), samples, CONFIG, Run(tmp_path / "whole", "x"), 40)
    train(make_model("llama"), samples, CONFIG, Run(tmp_path / "parts", "x"), 13)
    parts = train(make_model("llama"), samples, CONFIG, Run(tmp_path / "parts", "x"), 40)
    left, right = load_file(whole), load_file(parts)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    with pytest.raises(CheckpointError, match="expected source y, found x"):
        train(make_model("llama"), samples, CONFIG, Run(tmp_path / "parts", "y"), 40)


def test_what_was_learned_is_merged_by_the_import(
    prepared: tuple[Path, Samples], tmp_path: Path
) -> None:
    source, samples = prepared
    digest = find_source(str(source)).digest()
    model = make_model("llama")
    batch = [samples.draw(1, number) for number in range(8)]
    before = add_gradients(model, batch)
    adapter = train(model, samples, CONFIG, Run(tmp_path / "run", digest), 40)
    assert add_gradients(model, batch) < before - 0.05
    options = Options(adapter=adapter, precision="fp32")
    import_model(str(source), tmp_path / "tuned", options, lambda line: None)
    assert "adapter" in load(tmp_path / "tuned").manifest.provenance.training
    tensors = find_source(str(source)).tensors
    from trainer.export.importing.sources.adapter import with_adapter

    tuned = with_adapter(find_source(str(source)), adapter).tensors
    name = "model.layers.0.mlp.up_proj.weight"
    assert np.abs(tuned[name] - tensors[name]).max() > 1e-3
    other = train(make_model("llama"), samples, CONFIG, Run(tmp_path / "other", "z"), 1)
    with pytest.raises(ImportModelError, match="of the model that the adapter was learned for"):
        import_model(str(source), tmp_path / "no", Options(adapter=other), lambda line: None)
    assert not (tmp_path / "no").exists()


def test_a_run_begins_with_what_another_learned_and_with_no_other(
    prepared: tuple[Path, Samples], tmp_path: Path
) -> None:
    _, samples = prepared
    batch = [samples.draw(1, number) for number in range(8)]
    first = train(make_model("llama"), samples, CONFIG, Run(tmp_path / "first", "x"), 40)
    further, model = Run(tmp_path / "further", "x", first), make_model("llama")
    train(model, samples, replace(CONFIG, rate=0.0), further, 1)
    continued = add_gradients(model, batch)
    assert continued < add_gradients(make_model("llama"), batch) - 0.05
    still = replace(CONFIG, rate=0.0)
    again = replace(further, start=tmp_path / "further" / "adapter.safetensors")
    no, missing = Run(tmp_path / "no", "x", first), tmp_path / "missing"
    for run, config, message in (
        (again, still, "expected start"),
        (replace(no, source="y"), CONFIG, "found one for other weights"),
        (no, replace(CONFIG, rank=8), "give the --rank that it was learned with"),
        (replace(no, start=missing), CONFIG, "missing: expected an adapter"),
    ):
        with pytest.raises((CheckpointError, ImportModelError), match=message):
            train(make_model("llama"), samples, config, run, 2)
    assert not (tmp_path / "no").exists()
