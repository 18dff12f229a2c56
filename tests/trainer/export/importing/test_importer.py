"""From a checkpoint to a bundle that the server loads; and nothing half-made where it fails."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.bundles.manifest import read_manifest
from lsp_server.contract.prompt import decode, encode, load_tokenizer
from lsp_server.engines.onnx import create
from tests.trainer.export.importing.conftest import UNKNOWN_BYTES, edit_json
from tests.trainer.export.importing.zoo import VOCABULARY, make_model
from trainer.cli.main import main
from trainer.errors import ImportModelError
from trainer.export.graph.builder import Precision
from trainer.export.importing import proof
from trainer.export.importing.decoder.families import make_decoder
from trainer.export.importing.decoder.graph_file import WEIGHTS, write_graph
from trainer.export.importing.decoder.shape import Decoder
from trainer.export.importing.gate import Parity
from trainer.export.importing.importer import Options, import_model
from trainer.export.importing.sources.find import find_source

Write = Callable[..., Path]


def run_import(source: Path | str, out: Path, **options: object) -> Path:
    """Import without a word."""
    import_model(str(source), out, Options(**options), lambda line: None)  # type: ignore[arg-type]
    return out


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox", "codegen"])
def test_a_checkpoint_becomes_a_bundle_that_the_server_loads(
    name: str, write_checkpoint: Write, foreign_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    source = write_checkpoint(tmp_path / "source", name)
    bundle = load(run_import(source, tmp_path / "out"))
    create(bundle, threads=1)
    tokens = foreign_tokenizer.get_vocab_size()
    assert bundle.manifest.precision == "int8_rows"
    assert bundle.manifest.provenance.licences == {"apache-2.0": 1}
    assert bundle.manifest.vocabulary == tokens + UNKNOWN_BYTES + 3  # sentinels it lacks
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    text = "def f(x):\n\treturn '<|endoftext|>é'\n"
    assert decode(tokenizer, encode(tokenizer, text)) == text
    assert min(encode(tokenizer, text)) >= 7


def test_where_rows_lose_too_much_blocks_are_taken(
    write_checkpoint: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_checkpoint(tmp_path / "source")
    measure = proof.measure

    def rough_in_rows(decoder: Decoder, precision: Precision, expected: proof.Expected) -> Parity:
        parity = measure(decoder, precision, expected)
        return replace(parity, divergence=1.0) if precision == "int8_rows" else parity

    monkeypatch.setattr(proof, "measure", rough_in_rows)
    manifest = load(run_import(source, tmp_path / "out")).manifest
    assert manifest.precision == "int8_blocks"
    assert "divergence 1 " not in manifest.provenance.training["stored graph"]
    with pytest.raises(ImportModelError, match="the int8_rows graph to diverge by at most"):
        run_import(source, tmp_path / "no", precision="int8_rows")
    assert not (tmp_path / "no").exists()


def test_shards_and_one_file_give_the_same_graph(write_checkpoint: Write, tmp_path: Path) -> None:
    whole = run_import(write_checkpoint(tmp_path / "one"), tmp_path / "a", name="x")
    parts = write_checkpoint(tmp_path / "many", "llama", "50KB")
    assert len(list(parts.glob("*.safetensors"))) > 2
    cut = run_import(parts, tmp_path / "b", name="x")
    assert (whole / "model.onnx").read_bytes() == (cut / "model.onnx").read_bytes()


def test_weights_in_16_bits_are_read_as_they_are(write_checkpoint: Write, tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "source")
    path = source / "model.safetensors"
    for kind in (torch.bfloat16, torch.float16):
        rounded = {name: tensor.to(kind) for name, tensor in load_file(path).items()}
        save_file(rounded, path, metadata={"format": "pt"})
        found = find_source(str(source)).tensors
        for name, tensor in rounded.items():
            assert (found[name] == tensor.float().numpy()).all()


def test_a_graph_beyond_protobuf_s_limit_has_its_weights_in_a_file_beside(
    write_checkpoint: Write, tmp_path: Path
) -> None:
    source = find_source(str(write_checkpoint(tmp_path / "source")))
    decoder = make_decoder(source.config, source.tensors, 64)
    path = write_graph(decoder, "fp32", tmp_path, largest=1000)
    assert (tmp_path / WEIGHTS).stat().st_size > 100_000 > path.stat().st_size


def refused(write_checkpoint: Write, tmp_path: Path, spoil: Callable[[Path], object]) -> str:
    """The one line that a spoilt checkpoint gives; nothing is left behind."""
    source = write_checkpoint(tmp_path / "source")
    spoil(source)
    with pytest.raises(ImportModelError) as caught:
        run_import(source, tmp_path / "made" / "out")
    left = list((tmp_path / "made").iterdir()) if (tmp_path / "made").exists() else []
    assert left == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_nan(folder: Path) -> None:
    """One weight that is no number."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, path, metadata={"format": "pt"})


def with_pickle(folder: Path) -> None:
    """The weights as torch.save writes them."""
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def with_other_tokenizer(folder: Path) -> None:
    """A tokenizer of more tokens than the embedding has rows."""
    record = json.loads((folder / "tokenizer.json").read_text())
    record["model"]["vocab"] |= {f"Ġnew{at}": 5000 + at for at in range(10)}
    (folder / "tokenizer.json").write_text(json.dumps(record))


def cut_short(folder: Path) -> None:
    """Half of a file."""
    path = folder / "model.safetensors"
    os.truncate(path, path.stat().st_size // 2)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "pickle": (with_pickle, "pickled pytorch_model.bin, which is never opened"),
    "code": (
        lambda f: edit_json(f / "config.json", auto_map={"AutoModel": "x.Y"}),
        "found auto_map; code of a checkpoint is never run",
    ),
    "cut short": (cut_short, "expected a whole safetensors file"),
    "NaN": (with_nan, "tensor model.norm.weight: expected numbers, found NaN"),
    "other tokenizer": (with_other_tokenizer, "it belongs to another model"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "its tokenizer.json, found none"),
    "no JSON": (lambda f: (f / "config.json").write_text("{"), "expected JSON"),
    "a list": (lambda f: (f / "config.json").write_text("[]"), "expected a JSON object"),
    "quantized": (
        lambda f: edit_json(f / "config.json", quantization_config={"bits": 4}),
        "give the unquantized checkpoint",
    ),
    "no licence": (lambda f: (f / "README.md").unlink(), "accept it with --licence NAME"),
    "a licence that forbids": (
        lambda f: (f / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n"),
        "found cc-by-nc-4.0; read it",
    ),
    "other sizes": (
        lambda f: edit_json(f / "config.json", num_hidden_layers=4),
        r"expected a tensor model.layers.3",
    ),
    "other heads": (
        lambda f: edit_json(f / "config.json", hidden_size=32),
        "expected",
    ),
    "a word for a number": (
        lambda f: edit_json(f / "config.json", num_hidden_layers="three"),
        "num_hidden_layers: expected",
    ),
    "absurd size": (
        lambda f: edit_json(f / "config.json", vocab_size=10**12),
        "expected",
    ),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_cannot_be_imported_says_so_in_one_line_and_leaves_nothing(
    kind: str, write_checkpoint: Write, tmp_path: Path
) -> None:
    spoil, said = SPOILT[kind]
    assert said in refused(write_checkpoint, tmp_path, spoil)


def test_a_missing_shard_is_named(write_checkpoint: Write, tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "source", "llama", "50KB")
    gone = sorted(source.glob("*.safetensors"))[1]
    gone.unlink()
    with pytest.raises(ImportModelError, match=gone.name):
        run_import(source, tmp_path / "out")


def test_a_bundle_that_is_there_is_left_alone(write_checkpoint: Write, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ImportModelError, match="name another"):
        run_import(write_checkpoint(tmp_path / "source"), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_half_way_leaves_nothing(write_checkpoint: Write, tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "source")
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        "from trainer.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    words = ["import", str(source), "--out", str(tmp_path / "made" / "out"), "--precision", "fp32"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert done.returncode != 0
    assert list((tmp_path / "made").iterdir()) == []


def test_the_command_imports_and_explains(
    write_checkpoint: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_checkpoint(tmp_path / "source")
    words = ["import", str(source), "--out", str(tmp_path / "out"), "--name", "tiny"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--languages", "python", "go"])
    assert ended.value.code == 0
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.name, manifest.languages) == ("tiny", ("python", "go"))
    assert "compared with: transformers, 3 layers" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([*words, "--contxt", "12"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["no-such-thing", "./nowhere.gguf", "a b c"])
def test_a_name_that_stands_for_nothing_is_explained(name: str, tmp_path: Path) -> None:
    with pytest.raises(ImportModelError, match="expected"):
        run_import(name, tmp_path / "out")


def test_a_hub_name_is_read_from_the_library_s_cache_without_the_network(
    write_checkpoint: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "cache" / "models--who--tiny" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    write_checkpoint(snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    program = "import sys\nfrom trainer.cli.main import main\nmain(sys.argv[1:])\n"
    words = ["import", "who/tiny", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "out").manifest.parameters > 10_000


def test_what_an_import_says_without_torch_is_the_same(
    write_checkpoint: Write, tmp_path: Path
) -> None:
    source = write_checkpoint(tmp_path / "source")
    program = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from trainer.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    words = ["import", str(source), "--out", str(tmp_path / "bare"), "--name", "x"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "compared with: float64 reference" in done.stderr
    usual = run_import(source, tmp_path / "usual", name="x")
    assert (tmp_path / "bare" / "model.onnx").read_bytes() == (usual / "model.onnx").read_bytes()


def test_logits_move_with_the_ids(
    write_checkpoint: Write, foreign_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    bundle = load(run_import(write_checkpoint(tmp_path / "source"), tmp_path / "out"))
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    old = foreign_tokenizer.encode("import os\n", add_special_tokens=False)
    with torch.inference_mode():
        logits_V = make_model("llama")(input_ids=torch.tensor([old.ids])).logits[0, -1].numpy()
    from lsp_server.engines.decoder import OnnxDecoder, open_session

    decoder = OnnxDecoder(open_session(bundle.model_path, 1))
    found_V = decoder.forward(encode(tokenizer, "import os\n"), 0)[-1]
    names = {at: text for text, at in foreign_tokenizer.get_vocab().items() if at > 4}
    pairs = [(logits_V[at], found_V[tokenizer.token_to_id(text)]) for at, text in names.items()]
    assert len(pairs) > VOCABULARY / 2
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.99
