"""Documents survive their way through Parquet, and damage is one clear error."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.corpus import document as module
from trainer.corpus.document import (
    Document,
    DocumentWriter,
    document_id,
    part_files,
    read_canonical,
    read_documents,
)
from trainer.corpus.readers.files import Origin, admit_text
from trainer.errors import CorpusError

ORIGIN = Origin("folder", "one", "c0ffee", "mit")


def test_the_id_is_the_first_half_of_the_texts_sha256() -> None:
    assert document_id("abc") == "ba7816bf8f01cfea414140de5dae2223"


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=20))
def test_texts_come_back_equal_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("documents")
    written = [admit_text(ORIGIN, f"{n}.py", text) for n, text in enumerate(texts)]
    with DocumentWriter(folder) as writer:
        for document in written:
            writer.write(document)
    assert list(read_documents(folder)) == written
    assert writer.documents == len(texts)
    assert writer.bytes == sum(len(text.encode()) for text in texts)


def test_a_large_corpus_is_split_into_row_groups_and_parts(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    text = "x" * (module.ROW_GROUP_BYTES // 2)
    written = [
        admit_text(ORIGIN, f"{n}.py", text)
        for n in range(2 * module.PART_BYTES // module.ROW_GROUP_BYTES + 3)
    ]
    with DocumentWriter(tmp_path) as writer:
        for document in written:
            writer.write(document)
    parts = part_files(tmp_path)
    groups = pq.ParquetFile(parts[0]).metadata.num_row_groups
    assert len(parts) == 2
    assert groups == module.PART_BYTES // module.ROW_GROUP_BYTES
    assert sum(1 for _ in read_documents(tmp_path)) == len(written)


def test_a_folder_without_parts_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"{tmp_path}, found none"):
        list(read_documents(tmp_path))


def test_a_damaged_part_is_an_error_that_names_it(tmp_path: Path) -> None:
    with DocumentWriter(tmp_path) as writer:
        writer.write(admit_text(ORIGIN, "a.py", "a = 1\n"))
    part = part_files(tmp_path)[0]
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(CorpusError, match="part-00000.parquet is damaged"):
        list(read_documents(tmp_path))


def test_what_learns_reads_the_canonical_form_under_the_id_of_the_text_as_found(
    tmp_path: Path,
) -> None:
    text = "if a:\r\n\tb()\r\n"
    with DocumentWriter(tmp_path) as writer:
        writer.write(Document(document_id(text), "s", "r", "a.py", "", "mit", text))
    [document] = read_canonical(tmp_path)
    assert document.text == "if a:\n    b()\n"
    assert document.id == document_id(text)
