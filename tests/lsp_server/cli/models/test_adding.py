"""Bundles and models of others that are added, and what is refused: nothing half-made stays."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server.contract.bundles.manifest import MANIFEST
from tests.hostile_bundles import copy_of_shipped, endless
from tests.lsp_server.cli.models.conftest import Models, WriteCheckpoint
from tests.lsp_server.cli.test_main import run
from tests.trainer.export.importing.conftest import edit_json


@pytest.mark.slow
def test_a_checkpoint_is_converted_once_its_licence_is_accepted_and_completes(
    models: Models, write_checkpoint: WriteCheckpoint, tmp_path: Path
) -> None:
    source = write_checkpoint(tmp_path / "Tiny Llama")
    said = models.refuse("add", source)
    assert "licence apache-2.0; accept it with: --accept-licence" in said
    told = models.run("add", source, "--accept-licence", "--language", "python", "--language", "go")
    assert "comparing its graph with the model" in told
    found = json.loads(models.run("show", "tiny-llama", "--json"))
    assert found["languages"] == ["python", "go"]
    assert found["record"]["licence"] == "apache-2.0"
    assert found["record"]["source"] == str(source)
    assert found["prompt"][-1] == "{prefix}"
    models.run("use", "tiny-llama")
    (tmp_path / "a.py").write_text("import a\n")
    out, errors, code = run("complete", f"{tmp_path / 'a.py'}:2:1", "--why")
    assert (errors, code) == ("", 0)
    assert "tiny-llama" in out
    assert "kept already" in models.refuse("add", source, "--accept-licence")


def test_a_licence_that_forbids_or_is_not_stated_is_told_as_such(
    models: Models, write_checkpoint: WriteCheckpoint, tmp_path: Path
) -> None:
    source = write_checkpoint(tmp_path / "tiny")
    (source / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    assert "licence cc-by-nc-4.0, which forbids some uses" in models.refuse("add", source)
    (source / "README.md").unlink()
    assert "no licence is stated" in models.refuse("add", source)


def test_what_cannot_be_read_safely_is_one_line(
    models: Models, write_checkpoint: WriteCheckpoint, tmp_path: Path
) -> None:
    pickled = write_checkpoint(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    assert "never opened" in models.refuse("add", pickled, "--accept-licence")
    assert "pickled" in models.refuse("add", pickled / "pytorch_model.bin", "--accept-licence")
    coded = write_checkpoint(tmp_path / "coded")
    edit_json(coded / "config.json", auto_map={"AutoModel": "evil.Model"})
    assert "never run" in models.refuse("add", coded, "--accept-licence")
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + b"\xff" * 60)
    assert "GGUF" in models.refuse("add", tmp_path / "x.gguf", "--accept-licence")
    for name in ("./nowhere", "nowhere.gguf", "nowhere.whl", "nowhere.zip"):
        assert "found none of these" in models.refuse("add", name)
    assert "--adapter" in models.refuse("add", coded, "--adapter", tmp_path / "none")


def test_a_model_that_does_not_complete_is_not_kept_and_the_one_in_use_stays(
    kept: Models, tmp_path: Path
) -> None:
    kept.run("use", "mine")
    broken = copy_of_shipped(tmp_path / "broken")
    (broken / "extra").touch()
    assert "extra" in kept.refuse("add", broken)
    (broken / "extra").unlink()
    (broken / "model.onnx").write_bytes(b"")
    assert "model.onnx" in kept.refuse("add", broken)
    assert kept.in_use == ["mine"]


@pytest.mark.slow
def test_a_bundle_that_hangs_is_not_kept(models: Models, tmp_path: Path) -> None:
    assert "needed more than 10 s" in models.refuse("add", endless(tmp_path / "endless"))


LITTLE_ROOM = """mount -t tmpfs -o size=4m none "$0" && shift 0
"$@"; code=$?; ls -A "$0"; exit $code"""
SHORT_FILES = """import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from lsp_server.cli.main import main
main()"""


def finish(*command: str | Path) -> tuple[str, str, int]:
    """Standard output, standard error and exit code of a program."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    return done.stdout, done.stderr, done.returncode


@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_a_disk_without_room_is_said_before_anything_is_written(
    models: Models, tmp_path: Path
) -> None:
    inside = ("unshare", "-rm", "sh", "-c", LITTLE_ROOM, models.folder)
    models.folder.mkdir(parents=True)
    if shutil.which("unshare") is None or finish(*inside, "true")[2]:
        pytest.skip("no file system can be mounted here")
    bundle = copy_of_shipped(tmp_path / "mine")
    out, errors, code = finish(
        *inside, *(sys.executable, "-m", "lsp_server"), "model", "add", bundle
    )
    assert (out, code) == ("", 2)
    assert errors.startswith("lory: disk full")
    assert errors.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_a_write_that_fails_half_way_leaves_nothing(
    models: Models, write_checkpoint: WriteCheckpoint, tmp_path: Path
) -> None:
    bundle = copy_of_shipped(tmp_path / "mine")
    checkpoint = write_checkpoint(tmp_path / "tiny")
    for source, size in ((bundle, 1_000_000), (checkpoint, 40_000)):
        words = ("model", "add", source, "--accept-licence")
        out, errors, code = finish(sys.executable, "-c", SHORT_FILES, str(size), *words)
        assert (out, code) == ("", 2)
        assert "File too large" in errors.splitlines()[-1]
        assert models.files == set()


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
def test_an_interrupted_conversion_leaves_nothing(
    models: Models, write_checkpoint: WriteCheckpoint, tmp_path: Path
) -> None:
    source = write_checkpoint(tmp_path / "tiny")
    for number in (signal.SIGTERM, signal.SIGINT):
        process = models.start("add", source, "--accept-licence")
        assert process.stderr is not None
        while "comparing" not in process.stderr.readline():
            pass
        assert models.files
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "Traceback" not in said
        assert models.files == set()


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
def test_what_a_killed_command_leaves_goes_with_the_next(kept: Models, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    left = kept.folder / f".adding-{process.pid}-x" / "bundle"
    going_on = kept.folder / f".adding-{os.getpid()}-y"
    left.mkdir(parents=True)
    going_on.mkdir()
    kept.run("add", copy_of_shipped(tmp_path / "another"))
    assert not left.parent.exists()
    assert going_on.exists()
    assert sorted(kept.listed) == ["another", "mine", "shipped"]


def test_a_bundle_is_taken_as_it_is(models: Models, tmp_path: Path) -> None:
    bundle = copy_of_shipped(tmp_path / "My Model 7B!")
    assert "taken as it is" in models.refuse("add", bundle, "--language", "go")
    models.run("add", bundle, "--use")
    assert models.in_use == ["my-model-7b"]
    copied = models.folder / "my-model-7b" / "bundle"
    assert (copied / MANIFEST).read_bytes() == (bundle / MANIFEST).read_bytes()
    assert not os.path.samefile(copied / "model.onnx", bundle / "model.onnx")
