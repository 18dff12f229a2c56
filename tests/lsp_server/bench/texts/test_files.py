"""Files to replay: folders, lists and their order."""

import gzip
import json
from pathlib import Path

import pytest

from lsp_server.bench.texts.files import Target, read_folders, read_listed, read_targets, thin_out
from lsp_server.errors import BenchError


def write(path: Path, data: bytes = b"x = 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_folder_gives_its_readable_python_files_only(tmp_path: Path) -> None:
    write(tmp_path / "b.py")
    write(tmp_path / "deep" / "a.py")
    write(tmp_path / "note.txt")
    write(tmp_path / ".hidden" / "c.py")
    write(tmp_path / "latin.py", b"# caf\xe9\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "b.py")
    (tmp_path / "folder.py").mkdir()
    found = read_folders([tmp_path])
    assert [file.path for file in found] == ["b.py", "deep/a.py"]
    assert {file.root for file in found} == {tmp_path.resolve()}


def test_line_ends_become_newlines(tmp_path: Path) -> None:
    write(tmp_path / "a.py", b"x\r\ny\rz\n")
    assert read_folders([tmp_path])[0].text == "x\ny\nz\n"


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="expected a folder"):
        read_folders([tmp_path / "none"])


@pytest.mark.parametrize("packed", [True, False])
def test_a_lists_repositories_are_the_workspaces(tmp_path: Path, packed: bool) -> None:
    row = json.dumps({"repo": "o/n", "path": "src/a.py", "head": "abc", "more": 1}).encode()
    listed = tmp_path / ("t.jsonl.gz" if packed else "t.jsonl")
    listed.write_bytes(gzip.compress(row + b"\n") if packed else row + b"\n")
    write(tmp_path / "all" / "o" / "n" / "src" / "a.py")
    targets = read_targets(listed)
    assert targets == [Target("o/n", "src/a.py", "abc")]
    (file,) = read_listed(targets, tmp_path / "all")
    assert file.root == (tmp_path / "all" / "o" / "n").resolve()
    assert (file.path, file.name) == ("src/a.py", "o/n/src/a.py")
    assert file.uri.endswith("/all/o/n/src/a.py")


def test_a_listed_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="lory bench extract"):
        read_listed([Target("o/n", "a.py", "abc")], tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        '{"repo": "o/n"}',
        "[1]",
        '{"repo": "o/n", "path": "../../x.py", "head": "a"}',
        '{"repo": "/etc", "path": "x.py", "head": "a"}',
    ],
)
def test_a_list_of_another_shape_or_with_paths_outside_is_an_error(
    tmp_path: Path, text: str
) -> None:
    listed = write(tmp_path / "t.jsonl", text.encode())
    with pytest.raises(BenchError, match="expected"):
        read_targets(listed)


def test_a_list_that_is_missing_or_no_gzip_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="expected"):
        read_targets(tmp_path / "none.jsonl")
    with pytest.raises(BenchError, match="expected"):
        read_targets(write(tmp_path / "t.jsonl.gz", b"plain"))


def test_thinning_out_follows_the_seed_and_not_the_order_given(tmp_path: Path) -> None:
    for i in range(20):
        write(tmp_path / f"f{i}.py")
    files = read_folders([tmp_path])
    assert thin_out(files, 5, 1) == thin_out(files[::-1], 5, 1)
    assert thin_out(files, 5, 1) != thin_out(files, 5, 2)
    assert len(thin_out(files, 5, 1)) == 5


def test_no_files_at_all_is_an_error() -> None:
    with pytest.raises(BenchError, match="expected files"):
        thin_out([], 5, 0)
