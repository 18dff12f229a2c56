"""The packing stage on a small corpus: complete, fresh every epoch, and the same every time."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel, decode
from trainer.corpus.blocks.block_file import open_rows
from trainer.corpus.config import PackingConfig
from trainer.corpus.document import Document, DocumentWriter, document_id
from trainer.corpus.packing import run
from trainer.errors import CorpusError

BLOCK = 128


def write_split(folder: Path, texts: list[str]) -> None:
    with DocumentWriter(folder) as writer:
        for number, text in enumerate(texts):
            path = f"package/module_{number}.py"
            writer.write(Document(document_id(text), "tests", "r", path, "", "mit", text))


@pytest.fixture(scope="module")
def numbered_files() -> list[str]:
    """Files whose lines name file and line, so that order and completeness show in any stretch."""
    rng = np.random.default_rng(5)
    return [
        "".join(f"file_{number} = {line}\n" for line in range(int(rng.integers(1, 120))))
        for number in range(60)
    ]


Pack = Callable[..., Path]


@pytest.fixture(scope="module")
def pack(
    tmp_path_factory: pytest.TempPathFactory, numbered_files: list[str], small_tokenizer: Tokenizer
) -> Pack:
    """Gives the folder that the stage leaves with the settings it is called with."""
    inputs = tmp_path_factory.mktemp("inputs")
    write_split(inputs / "dedup" / "train", numbered_files[10:])
    write_split(inputs / "dedup" / "heldout", numbered_files[:10])
    (inputs / "tokenizer").mkdir()
    small_tokenizer.save(str(inputs / "tokenizer" / "tokenizer.json"))

    def packed(**values: object) -> Path:
        out = tmp_path_factory.mktemp("packing")
        config = PackingConfig(block_tokens=BLOCK, **values)  # type: ignore[arg-type]
        run(config, {name: inputs / name for name in ("dedup", "tokenizer")}, out)
        return out

    return packed


def segments_of(rows: np.ndarray) -> list[list[int]]:
    found = []
    for row in rows:
        used = row[row != Sentinel.PAD]
        bounds = np.flatnonzero(used == Sentinel.FILE)[1:]
        found += [part.tolist() for part in np.split(used, bounds)]
    return found


def lines_of(rows: np.ndarray, tokenizer: Tokenizer) -> list[str]:
    """Whole lines of all plain segments."""
    lines = []
    for ids in segments_of(rows):
        text = decode(tokenizer, ids[ids.index(Sentinel.PREFIX) :])
        lines += text.splitlines()
    return lines


def test_no_line_of_the_corpus_is_lost_or_doubled_in_an_epoch(
    pack: Pack, numbered_files: list[str], small_tokenizer: Tokenizer
) -> None:
    out = pack(fim_rate=0.0, epochs=2)
    expected = sorted(line for text in numbered_files[10:] for line in text.splitlines())
    for epoch in range(2):
        rows = open_rows(out / f"epoch-{epoch:03d}.u16", BLOCK)
        assert sorted(lines_of(rows, small_tokenizer)) == expected


def test_the_same_settings_write_the_same_bytes_and_each_epoch_other_ones(pack: Pack) -> None:
    first, second = pack(epochs=2), pack(epochs=2)
    for name in ("epoch-000.u16", "epoch-001.u16", "heldout.u16", "packing.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    epochs = [segments_of(open_rows(first / f"epoch-00{n}.u16", BLOCK)) for n in range(2)]
    repeated = {tuple(ids) for ids in epochs[0]} & {tuple(ids) for ids in epochs[1]}
    assert len(repeated) < len(epochs[0]) / 4


def test_another_seed_writes_other_bytes(pack: Pack) -> None:
    first, second = pack(), pack(seed=1)
    assert (first / "epoch-000.u16").read_bytes() != (second / "epoch-000.u16").read_bytes()


def test_every_row_begins_with_a_segment_and_holds_text(pack: Pack) -> None:
    rows = open_rows(pack() / "epoch-000.u16", BLOCK)
    assert (rows[:, 0] == Sentinel.FILE).all()
    assert ((rows >= len(Sentinel)).sum(axis=1) > 0).all()


def test_held_out_rows_are_plain_with_paths_and_know_their_bytes(
    pack: Pack, small_tokenizer: Tokenizer
) -> None:
    out = pack(fim_rate=1.0, path_rate=0.0)
    rows = open_rows(out / "heldout.u16", BLOCK)
    text_bytes = np.load(out / "heldout_bytes.npy")
    assert len(rows) == len(text_bytes) > 5
    for row, size in zip(rows, text_bytes, strict=True):
        found = segments_of(row[None])
        assert all(Sentinel.PATH in ids and Sentinel.MIDDLE not in ids for ids in found)
        texts = [decode(small_tokenizer, ids[ids.index(Sentinel.PREFIX) :]) for ids in found]
        assert sum(len(text.encode()) for text in texts) == size


def test_the_report_counts_what_is_in_the_files(pack: Pack) -> None:
    out = pack(epochs=2)
    report = json.loads((out / "packing.json").read_text())
    assert report["block_tokens"] == BLOCK
    for number, epoch in enumerate(report["epochs"]):
        rows = open_rows(out / f"epoch-{number:03d}.u16", BLOCK)
        used = int((rows != Sentinel.PAD).sum())
        assert (epoch["rows"], epoch["tokens"]) == (len(rows), used)
        assert epoch["padding_share"] == pytest.approx(1 - used / rows.size, abs=1e-5)
        assert sum(epoch["segments"].values()) == (rows == Sentinel.FILE).sum()


def test_a_cap_on_tokens_is_kept_to_a_segment(pack: Pack) -> None:
    report = json.loads((pack(max_train_tokens=2000) / "packing.json").read_text())
    assert 2000 <= report["epochs"][0]["tokens"] < 2000 + BLOCK


def test_no_scratch_file_is_left_behind(pack: Pack) -> None:
    names = {path.name for path in pack().iterdir()}
    assert names == {"epoch-000.u16", "heldout.u16", "heldout_bytes.npy", "packing.json"}


def test_a_split_without_text_is_one_clear_error(
    tmp_path: Path, small_tokenizer: Tokenizer
) -> None:
    write_split(tmp_path / "dedup" / "train", ["x = 1\n"])
    write_split(tmp_path / "dedup" / "heldout", [])
    (tmp_path / "tokenizer").mkdir()
    small_tokenizer.save(str(tmp_path / "tokenizer" / "tokenizer.json"))
    inputs = {name: tmp_path / name for name in ("dedup", "tokenizer")}
    (tmp_path / "out").mkdir()
    with pytest.raises(CorpusError, match="heldout: expected documents with text"):
        run(PackingConfig(block_tokens=BLOCK), inputs, tmp_path / "out")


def test_files_of_any_form_are_laid_out_as_they_are_served(
    tmp_path: Path, small_tokenizer: Tokenizer
) -> None:
    text = "class A:\n>def f(self):\n>>return call(self,\n>>            1)\n" * 9
    rows = []
    for end, unit in (("\n", "    "), ("\r\n", "\t"), ("\n", "  ")):
        folder = tmp_path / repr(end + unit)
        for split in ("train", "heldout"):
            texts = [f"x = {number}\n{text}" for number in range(4)]
            own = [one.replace(">", unit).replace("\n", end) for one in texts]
            write_split(folder / "dedup" / split, own)
        (folder / "tokenizer").mkdir()
        small_tokenizer.save(str(folder / "tokenizer" / "tokenizer.json"))
        (folder / "packing").mkdir()
        inputs = {name: folder / name for name in ("dedup", "tokenizer")}
        run(PackingConfig(block_tokens=BLOCK, epochs=1), inputs, folder / "packing")
        rows.append((folder / "packing" / "epoch-000.u16").read_bytes())
    assert rows[0]
    assert rows.count(rows[0]) == 3
