"""The peers of an imported bundle get the very weights that it serves, numbered as it numbers."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.prompt import encode, load_tokenizer
from lsp_server.engines.decoder import OnnxDecoder, open_session
from trainer.errors import ExportError
from trainer.export.importing.importer import Options, import_model
from trainer.export.peers.imported import peer_weights
from trainer.export.peers.reference import write_checkpoint_once

Write = Callable[..., Path]


def imported(source: Path, out: Path) -> Path:
    """The bundle of a checkpoint, in float32."""
    import_model(str(source), out, Options(precision="fp32"), lambda line: None)
    return out


@pytest.mark.parametrize("name", ["llama", "llama-untied"])
def test_a_peer_reads_a_prompt_as_the_bundle_does(
    name: str, write_checkpoint: Write, tmp_path: Path
) -> None:
    import transformers

    bundle = load(imported(write_checkpoint(tmp_path / "source", name), tmp_path / "bundle"))
    ids = encode(load_tokenizer(bundle.tokenizer_path), "def add(a, b):\n    return a +")
    expected = OnnxDecoder(open_session(bundle.model_path, 1)).forward(ids, 0, len(ids))
    folder = write_checkpoint_once(bundle.folder, tmp_path)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        found = model(torch.tensor([ids])).logits[0].numpy()
    assert found == pytest.approx(expected, abs=1e-3)


def test_a_source_that_is_gone_or_another_is_told(write_checkpoint: Write, tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "source", "llama")
    bundle = imported(source, tmp_path / "bundle")
    assert np.isfinite(peer_weights(bundle).weights["model.norm.weight"]).all()
    weights = next(source.glob("*.safetensors"))
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"\0\0\0\1")
    with pytest.raises(ExportError, match="found others there"):
        peer_weights(bundle)
    weights.write_bytes(whole)
    record = json.loads((bundle / "bundle.json").read_bytes())
    record["provenance"]["training"]["adapter"] = "sha256 0"
    (bundle / "bundle.json").write_text(json.dumps(record))
    with pytest.raises(ExportError, match="merged adapter"):
        peer_weights(bundle)
