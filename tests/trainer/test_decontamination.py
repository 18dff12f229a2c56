"""Windows of evaluation text are recognised, on numbers worked by hand."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.decontamination import listed_share, read_hashes, window_hashes, write_hashes
from trainer.errors import CorpusError

LINES = [f"value_{number} = compute({number})" for number in range(10)]


def test_a_window_is_four_stripped_lines_joined_by_newlines() -> None:
    text = "\n\n".join(f"    {line}  " for line in LINES[:5])
    windows = ["\n".join(LINES[:4]), "\n".join(LINES[1:5])]
    expected = [int.from_bytes(hashlib.md5(window.encode()).digest()[:8]) for window in windows]
    assert window_hashes(text).tolist() == expected


def test_lines_under_twelve_characters_are_left_out_of_windows() -> None:
    padded = "\n".join(f"{line}\n    x = 123456\n)" for line in LINES[:4])
    assert len("x = 123456") == 10
    assert window_hashes(padded).tolist() == window_hashes("\n".join(LINES[:4])).tolist()
    assert len(window_hashes("\n".join(["a" * 12] * 4))) == 1
    assert len(window_hashes("\n".join(["a" * 11] * 4))) == 0


def test_the_share_counts_windows_that_are_listed(tmp_path: Path) -> None:
    write_hashes(["\n".join(LINES[:5])], tmp_path / "listed.bin")  # windows 0 and 1 of seven
    hashes = read_hashes([tmp_path / "listed.bin"])
    assert listed_share("\n".join(LINES), hashes) == pytest.approx(2 / 7)
    assert listed_share("\n".join(LINES[:5]), hashes) == 1.0
    assert listed_share("\n".join(LINES[5:]), hashes) == 0.0


def test_a_text_without_windows_and_an_empty_list_share_nothing(tmp_path: Path) -> None:
    write_hashes(["\n".join(LINES)], tmp_path / "listed.bin")
    assert listed_share("a = 1\n", read_hashes([tmp_path / "listed.bin"])) == 0.0
    assert listed_share("\n".join(LINES), read_hashes([])) == 0.0


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(LINES), max_size=8).map("\n".join), max_size=5))
def test_a_written_file_lists_exactly_the_windows_of_its_texts(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("hashes") / "listed.bin"
    write_hashes(texts, path)
    expected = sorted({int(value) for text in texts for value in window_hashes(text)})
    assert read_hashes([path]).tolist() == expected
    assert path.stat().st_size == 8 * len(expected)


def test_several_files_count_together(tmp_path: Path) -> None:
    write_hashes(["\n".join(LINES[:4])], tmp_path / "a.bin")
    write_hashes(["\n".join(LINES[4:8])], tmp_path / "b.bin")
    hashes = read_hashes([tmp_path / "b.bin", tmp_path / "a.bin"])
    assert listed_share("\n".join(LINES[:4]), hashes) == 1.0
    assert listed_share("\n".join(LINES[4:8]), hashes) == 1.0


@pytest.mark.parametrize("data", [b"123456789", b"\2" * 8 + b"\1" * 8])
def test_a_file_of_another_form_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.bin").write_bytes(data)
    with pytest.raises(CorpusError, match=r"sorted 8-byte records in .*bad.bin"):
        read_hashes([tmp_path / "bad.bin"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot read .*nowhere.bin: No such file"):
        read_hashes([tmp_path / "nowhere.bin"])
