"""Archives of bundles, and archives that are something else."""

import io
import json
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lsp_server.cli.models.archives import is_archive, unpack
from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.bundles.manifest import MANIFEST
from lsp_server.errors import BundleError, ModelError
from tests.hostile_bundles import copy_of_shipped

Pack = Callable[[Path, Mapping[str, bytes]], Path]


def as_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip file, deflated."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def as_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    """A gzipped tar file."""
    with tarfile.open(path, "w:gz") as file:
        for name, data in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(data)
            file.addfile(item, io.BytesIO(data))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a bundle by their names."""
    bundle = copy_of_shipped(tmp_path_factory.mktemp("bundle") / "mine")
    return {path.name: path.read_bytes() for path in bundle.iterdir()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder with another beside it."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def refusal(path: Path, out: Path) -> str:
    """Why an archive is not unpacked; nothing of it lies outside its folder."""
    assert is_archive(path)
    with pytest.raises((ModelError, BundleError)) as refused:
        unpack(path, out)
    assert {each.name for each in out.parent.iterdir()} == {path.name, out.name}
    return str(refused.value)


@pytest.mark.parametrize("pack", [as_zip, as_tar])
@pytest.mark.parametrize("top", ["", "mine/", "./"])
def test_a_bundle_is_unpacked_with_or_without_its_folder(
    pack: Pack, top: str, files: dict[str, bytes], out: Path
) -> None:
    path = pack(out.parent / "a", {top + name: data for name, data in files.items()})
    unpack(path, out)
    assert load(out).manifest.name == "mine"


@pytest.mark.parametrize("pack", [as_zip, as_tar])
@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "a/b/evil", "..", "a/../../evil", "C:evil", "a\\evil", ".hidden"],
)
def test_a_name_that_leads_elsewhere_is_refused(
    pack: Pack, name: str, files: dict[str, bytes], out: Path
) -> None:
    said = refusal(pack(out.parent / "a", {**files, name: b"x"}), out)
    assert "expected the plain files of one folder" in said


def test_links_and_devices_are_refused(files: dict[str, bytes], out: Path) -> None:
    path = out.parent / "a"
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        with tarfile.open(path, "w") as tar:
            item = tarfile.TarInfo("model.onnx")
            item.type, item.linkname = kind, "/etc/passwd"
            tar.addfile(item)
        assert "plain files" in refusal(path, out)
    with zipfile.ZipFile(path, "w") as file:
        link = zipfile.ZipInfo("model.onnx")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    assert "plain files" in refusal(path, out)


@pytest.mark.parametrize("pack", [as_zip, as_tar])
def test_only_what_the_manifest_lists_is_written(
    pack: Pack, files: dict[str, bytes], out: Path
) -> None:
    path = out.parent / "a"
    assert "bomb" in refusal(pack(path, {**files, "bomb": bytes(10_000_000)}), out)
    assert not (out / "bomb").exists()
    for name in [*out.iterdir()]:
        name.unlink()
    larger = {**files, "model.onnx": bytes(100_000_000)}
    assert "expected model.onnx of" in refusal(pack(path, larger), out)
    for name in [*out.iterdir()]:
        name.unlink()
    record = json.loads(files[MANIFEST])
    record["files"]["../evil"] = {"sha256": "0" * 64, "bytes": 1}
    changed = {**files, MANIFEST: json.dumps(record).encode()}
    assert "evil" in refusal(pack(path, changed), out)
    for name in [*out.iterdir()]:
        name.unlink()
    record["files"] = {"model.onnx": {"sha256": "0" * 64, "bytes": 10**15}}
    changed = {**files, MANIFEST: json.dumps(record).encode()}
    assert "disk full" in refusal(pack(path, changed), out)


@pytest.mark.parametrize("pack", [as_zip, as_tar])
def test_other_archives_are_refused_in_words(pack: Pack, out: Path) -> None:
    path = out.parent / "a"
    assert "pickled one never" in refusal(pack(path, {"x/data.pkl": b"x"}), out)
    many = {f"f{number}": b"" for number in range(100)}
    assert "few files" in refusal(pack(path, many), out)


def test_a_damaged_archive_is_refused_in_words(files: dict[str, bytes], out: Path) -> None:
    path = as_zip(out.parent / "a", files)
    data = bytearray(path.read_bytes())
    data[1000:2000] = bytes(1000)
    path.write_bytes(data)
    assert "expected" in refusal(path, out)


def test_an_archive_that_names_a_file_twice_is_refused(files: dict[str, bytes], out: Path) -> None:
    path = as_tar(out.parent / "a", files)
    with tarfile.open(path, "w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo(MANIFEST))
    assert "plain files" in refusal(path, out)
