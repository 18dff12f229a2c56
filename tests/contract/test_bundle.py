"""Bundles: what the trainer writes loads; every way to damage one is one clear error."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from time import process_time
from timeit import timeit
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsp_server.contract.bundles.bundle import describe, load, record_files
from lsp_server.contract.bundles.manifest import read_manifest, strict_converter, write_manifest
from lsp_server.engines.onnx import create
from lsp_server.errors import BundleError, EngineError

Damage = Callable[[Path], object]


@pytest.fixture
def folder(small_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be damaged."""
    return Path(shutil.copytree(small_bundle, tmp_path / "my bundle"))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest's JSON."""
    path = folder / "bundle.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def record_again(folder: Path) -> None:
    """Make the manifest's hashes those of the files, as someone would who hides a change."""
    names = [path.name for path in folder.iterdir() if path.name != "bundle.json"]
    records = strict_converter().unstructure(record_files(folder, names))
    edit(folder, lambda record: record.update(files=records))


def flip_byte(path: Path, at: int) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def link_to_itself(path: Path) -> None:
    """Put a link to the same content in a file's place."""
    target = path.parent.parent / f"moved {path.name}"
    path.rename(target)
    path.symlink_to(target)


def test_a_bundle_that_the_trainer_wrote_loads_and_its_manifest_survives_rewriting(
    folder: Path,
) -> None:
    bundle = load(folder)
    assert bundle.manifest.architecture == "llama"
    assert bundle.manifest.evaluation[0].metric == "bits per byte"
    write_manifest(folder, bundle.manifest)
    assert load(folder) == bundle
    assert dict(describe(bundle))["licences"] == "psf 2"


DAMAGES: dict[str, tuple[Damage, str]] = {
    "flipped byte": (
        lambda f: flip_byte(f / "model.onnx", 5000),
        "model.onnx with sha256",
    ),
    "flipped byte in the tokenizer": (
        lambda f: flip_byte(f / "tokenizer.json", 3),
        "tokenizer.json with sha256",
    ),
    "cut file": (
        lambda f: os.truncate(f / "model.onnx", 1000),
        "model.onnx of .* bytes, found 1000",
    ),
    "missing model": (lambda f: (f / "model.onnx").unlink(), "a file model.onnx, found none"),
    "missing card": (lambda f: (f / "MODEL_CARD.md").unlink(), "a file MODEL_CARD.md, found none"),
    "missing manifest": (lambda f: (f / "bundle.json").unlink(), "its bundle.json, found none"),
    "unlisted model": (
        lambda f: edit(f, lambda r: r["files"].pop("model.onnx")),
        "model.onnx listed in bundle.json",
    ),
    "extra file": (
        lambda f: (f / "weights.pkl").write_bytes(b"x"),
        r"found also \['weights.pkl'\]",
    ),
    "path upwards": (
        lambda f: edit(f, lambda r: r["files"].update({"../x": r["files"]["model.onnx"]})),
        "plain file names, found '../x'",
    ),
    "absolute path": (
        lambda f: edit(f, lambda r: r["files"].update({"/etc/hosts": r["files"]["model.onnx"]})),
        "plain file names, found '/etc/hosts'",
    ),
    "link": (lambda f: link_to_itself(f / "model.onnx"), "a file model.onnx, found a link"),
    "linked manifest": (lambda f: link_to_itself(f / "bundle.json"), "bundle.json"),
    "other format": (lambda f: edit(f, lambda r: r.update(format=2)), "format 1, found 2"),
    "format as text": (lambda f: edit(f, lambda r: r.update(format="1")), "format 1, found '1'"),
    "unknown key": (lambda f: edit(f, lambda r: r.update(colour="red")), "colour"),
    "unknown nested key": (
        lambda f: edit(f, lambda r: r["provenance"].update(colour="red")),
        r"colour.*\$\.provenance|provenance.*colour|colour.*provenance",
    ),
    "missing key": (lambda f: edit(f, lambda r: r.pop("context")), "context"),
    "wrong type": (lambda f: edit(f, lambda r: r.update(context="256")), "expected int"),
    "no object": (lambda f: (f / "bundle.json").write_text("[1]"), "format 1, found None"),
    "no JSON": (lambda f: (f / "bundle.json").write_bytes(b"\x80\x04pickle"), "expected JSON"),
    "other sentinels": (
        lambda f: edit(f, lambda r: r["sentinels"].update({"<|end|>": 0})),
        "sentinel ids",
    ),
    "other opset": (
        lambda f: edit(f, lambda r: r["engine"]["opsets"].update({"": 17})),
        "model.onnx with opsets",
    ),
    "unlisted folder": (lambda f: (f / "more").mkdir(), r"found also \['more'\]"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_bundle_is_one_line_that_says_expected_found_and_what_to_do(
    name: str, folder: Path
) -> None:
    damage, message = DAMAGES[name]
    damage(folder)
    with pytest.raises(BundleError, match=message) as caught:
        load(folder)
    text = str(caught.value)
    assert "expected" in text
    assert "found" in text
    assert "; " in text
    assert "\n" not in text


def move_weights(folder: Path, location: str) -> None:
    """Make the graph read its weights from a file, and hide the change in the manifest."""
    import onnx

    path = folder / "model.onnx"
    model = onnx.load(path)
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    outside = folder / location
    outside.write_bytes(tensor.raw_data)
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    path.write_bytes(model.SerializeToString())
    record_again(folder)


def test_weights_in_a_listed_file_beside_the_graph_load_and_run(folder: Path) -> None:
    move_weights(folder, "model.onnx.data")
    assert create(load(folder), threads=1).provider == "CPUExecutionProvider"


@pytest.mark.parametrize("location", ["../outside.data", "../my bundle/../outside.data"])
def test_weights_outside_the_folder_are_refused_though_all_hashes_fit(
    location: str, folder: Path
) -> None:
    move_weights(folder, location)
    with pytest.raises(BundleError, match="weights in the files listed.*outside"):
        load(folder)


def test_weights_from_an_absolute_path_are_refused(folder: Path) -> None:
    move_weights(folder, str(folder.parent / "outside.data"))
    with pytest.raises(BundleError, match="weights in the files listed.*outside"):
        load(folder)


@pytest.mark.parametrize(("offset", "length"), [(1 << 40, 0), (4096, 0), (0, 1 << 40), (-4096, 0)])
def test_weights_outside_of_their_file_are_refused_when_they_are_read(
    offset: int, length: int, folder: Path
) -> None:
    import onnx

    move_weights(folder, "model.onnx.data")
    path = folder / "model.onnx"
    model = onnx.load(path, load_external_data=False)
    (tensor,) = [each for each in model.graph.initializer if each.external_data]
    size = (folder / "model.onnx.data").stat().st_size
    del tensor.external_data[:]
    for key, value in {
        "location": "model.onnx.data",
        "offset": str(offset),
        "length": str(length or size),
    }.items():
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    record_again(folder)
    with pytest.raises(EngineError, match="expected a graph that onnxruntime"):
        create(load(folder), threads=1)


@pytest.mark.parametrize("change", ["renamed", "missing", "reshaped"])
def test_a_graph_with_tensors_other_than_stated_is_refused_when_it_is_opened(
    change: str, folder: Path
) -> None:
    def alter(record: dict[str, Any]) -> None:
        inputs = record["engine"]["inputs"]
        if change == "renamed":
            inputs[0]["name"] = "tokens"
        elif change == "missing":
            inputs.pop()
        else:
            inputs[-1]["shape"][2] += 1

    edit(folder, alter)
    bundle = load(folder)
    with pytest.raises(BundleError, match="tensor .*: expected .*found"):
        create(bundle, threads=1)


@pytest.mark.parametrize("key", ["context", "vocabulary"])
def test_a_graph_of_another_size_than_stated_is_refused_when_it_is_opened(
    key: str, folder: Path
) -> None:
    edit(folder, lambda record: record.update({key: record[key] + 1}))
    bundle = load(folder)
    with pytest.raises(BundleError, match="context and vocabulary: expected .* found"):
        create(bundle, threads=1)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_value_of_another_type_passes_for_a_manifest(folder: Path, data: st.DataObject) -> None:
    path = folder / "bundle.json"
    kept = path.read_text()
    record = json.loads(kept)
    owner, key = data.draw(st.sampled_from(list(leaves(record))))
    other: Any = {str: 3, int: "3", float: "3"}[type(owner[key])]
    owner[key] = other
    path.write_text(json.dumps(record))
    try:
        with pytest.raises(BundleError):
            read_manifest(folder)
    finally:
        path.write_text(kept)


def leaves(value: Any) -> Any:
    """Owner and key of every plain value; those of shapes may be sizes or names, so not them."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if key == "shape":
            continue
        if isinstance(inner, dict | list):
            yield from leaves(inner)
        else:
            yield value, key


def test_verifying_48_megabytes_takes_less_than_a_fifth_of_a_second(folder: Path) -> None:
    with (folder / "model.onnx.data").open("wb") as file:
        file.write(os.urandom(1 << 20) * 48)
    record_again(folder)
    assert timeit(lambda: load(folder), timer=process_time, number=1) < 0.2
