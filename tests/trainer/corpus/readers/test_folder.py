"""A folder with all that goes wrong in folders gives its good files and a reason for the others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trainer.corpus.config import SourcesConfig
from trainer.corpus.document import Document
from trainer.corpus.readers.files import Skipped
from trainer.corpus.readers.folder import FolderSource
from trainer.errors import SourceError

NOBODY = 65_534


def read(root: Path, config: SourcesConfig | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """Text by path, and reason by path."""
    items = list(FolderSource(path=str(root)).read(config or SourcesConfig()))
    texts = {item.path: item.text for item in items if isinstance(item, Document)}
    return texts, {item.path: item.reason for item in items if isinstance(item, Skipped)}


@contextmanager
def without_privileges(folder: Path) -> Iterator[None]:
    """Inside `folder` as a user whom permissions hold back, also where the tests run as root."""
    before = Path.cwd()
    os.chdir(folder)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        os.chdir(before)


def test_only_files_with_the_suffix_are_read_and_each_path_is_relative(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/a.py").write_text("a = 1\n")
    (tmp_path / "pkg/readme.md").write_text("no\n")
    assert read(tmp_path) == ({"pkg/a.py": "a = 1\n"}, {})


def test_binary_non_utf8_and_large_files_are_skipped_with_their_reason(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("good = 'ä'\n", encoding="utf-8")
    (tmp_path / "binary.py").write_bytes(b"\x7fELF\0\0\1")
    (tmp_path / "latin.py").write_bytes("name = 'ä'\n".encode("latin-1"))
    with (tmp_path / "large.py").open("wb") as stream:
        stream.truncate(50_000_000)
    texts, reasons = read(tmp_path)
    assert texts == {"good.py": "good = 'ä'\n"}
    assert reasons == {"binary.py": "binary", "latin.py": "not UTF-8", "large.py": "too large"}


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "bom.py").write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert read(tmp_path)[0] == {"bom.py": "a = 1\n"}


def test_links_are_not_followed_in_loops_or_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    for folder in (outside, root):
        folder.mkdir()
        (folder / "a.py").write_text("a = 1\n")
    (root / "loop").symlink_to(root)
    (root / "out").symlink_to(outside)
    (root / "out.py").symlink_to(outside / "a.py")
    (root / "self.py").symlink_to(root / "self.py")
    texts, reasons = read(root)
    assert texts == {"a.py": "a = 1\n"}
    assert reasons == dict.fromkeys(("loop", "out", "out.py", "self.py"), "link")


def test_unreadable_files_and_folders_are_skipped_with_the_systems_reason(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed/a.py").write_text("a = 1\n")
    (tmp_path / "secret.py").write_text("b = 1\n")
    (tmp_path / "good.py").write_text("c = 1\n")
    tmp_path.chmod(0o755)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "secret.py").chmod(0)
    with without_privileges(tmp_path):
        texts, reasons = read(Path("."))
    (tmp_path / "closed").chmod(0o755)
    assert texts == {"good.py": "c = 1\n"}
    denied = "unreadable: Permission denied"
    assert reasons == {"closed": denied, "secret.py": denied}


def test_a_pipe_does_not_block_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert read(tmp_path) == ({}, {"pipe.py": "not a regular file"})


def test_other_peoples_code_below_the_folder_is_left_out(tmp_path: Path) -> None:
    for name in (".venv", "node_modules", ".git", "src"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("a = 1\n")
    assert list(read(tmp_path)[0]) == ["src/a.py"]


def test_a_cap_takes_files_in_a_seeded_order_until_it_is_reached(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02d}.py").write_text(f"value = {number:03d}\n")  # 12 bytes
    chosen = {
        seed: list(read(tmp_path, SourcesConfig(max_repository_bytes=60, seed=seed))[0])
        for seed in (0, 1)
    }
    again = list(read(tmp_path, SourcesConfig(max_repository_bytes=60, seed=0))[0])
    assert len(chosen[0]) == 5
    assert chosen[0] == again
    assert chosen[0] != chosen[1]
    assert chosen[0] != sorted(chosen[0])


def test_a_file_name_that_is_not_utf8_still_gives_a_writable_path(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py"))).write_text("a = 1\n")
    (path,) = read(tmp_path)[0]
    assert path.encode() == b"?.py"


def test_a_missing_folder_is_one_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"expected a folder at .*nowhere, found none") as caught:
        read(tmp_path / "nowhere")
    assert "\n" not in str(caught.value)
