"""What a path's file must be to be read as source."""

import os
from itertools import cycle
from pathlib import Path
from threading import Event, Thread

import pytest

from lsp_server.project.reading import source_file as reading
from lsp_server.project.reading.source_file import LARGEST, read_source


def test_text_is_read_as_an_editor_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    for data, text in (
        (b"", ""),
        ("é = '\u3000'\r\n".encode(), "é = '\u3000'\r\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"#" * LARGEST, "#" * LARGEST),
    ):
        path.write_bytes(data)
        assert read_source(str(path)) == text


@pytest.mark.parametrize(
    "data", [b"x = '\xff'", b"\xed\xa0\x80", b"x\0y", b"#" * (LARGEST + 1)], ids=repr
)
def test_bytes_that_are_no_source_are_not_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(data)
    assert read_source(str(path)) is None


def test_a_file_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    assert read_source(str(path)) is None


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "real.py").write_text("x")
    (tmp_path / "link.py").symlink_to(tmp_path / "real.py")
    for name in ("pipe.py", "folder.py", "link.py", "nowhere.py", "null\0.py"):
        assert read_source(str(tmp_path / name)) is None, name
    assert read_source("/dev/zero") is None


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_a_file_that_cannot_be_read_by_anyone_is_passed_over() -> None:
    assert read_source("/proc/self/mem") is None


def test_a_file_that_is_written_meanwhile_is_never_read_half(tmp_path: Path) -> None:
    path, stop = tmp_path / "a.py", Event()
    path.write_bytes(b"x" * 800_000)
    seen: list[str | None] = []

    def write() -> None:
        with path.open("r+b", buffering=0) as file:
            for letter in cycle(b"ab"):
                file.seek(0)
                for _ in range(8):
                    file.write(bytes([letter]) * 100_000)
                if stop.wait(0.002):
                    return

    writer = Thread(target=write)
    writer.start()
    try:
        seen = [read_source(str(path)) for _ in range(8)]
    finally:
        stop.set()
        writer.join()
    assert None in seen
    assert all(text is None or len(set(text)) == 1 for text in seen)
    last = read_source(str(path))
    assert last is not None
    assert len(set(last)) == 1


def test_no_link_is_followed_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_text("x = 1\n")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert read_source(f"{tmp_path.resolve()}/real/a.py") == "x = 1\n"
    assert read_source(f"{tmp_path.resolve()}/link/a.py") is None


def test_where_folders_cannot_be_opened_one_by_one_what_was_opened_is_looked_at_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BY_FOLDERS", False)
    test_no_link_is_followed_on_the_way(tmp_path)
