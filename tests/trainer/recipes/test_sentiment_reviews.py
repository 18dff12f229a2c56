"""The labelled set: different reviews, both labels, and the form that its two readers want."""

import json
from pathlib import Path

import pytest

from trainer.alignment.config import PreferencesConfig, PreferenceSpec
from trainer.alignment.preferences.pairs import read_labels
from trainer.alignment.preferences.stage import run
from trainer.corpus.config import SourcesConfig
from trainer.corpus.document import Document
from trainer.corpus.readers.dataset import DatasetSource
from trainer.errors import SourceError
from trainer.recipes.sentiment_reviews import reviews, write_reviews


def test_reviews_are_different_and_half_of_them_are_good() -> None:
    rows = list(reviews(2000, seed=0))
    assert len({text for text, _ in rows}) == 2000
    assert sum(label for _, label in rows) == 1000


def test_the_seed_alone_decides_what_is_written() -> None:
    assert list(reviews(50, seed=3)) == list(reviews(50, seed=3)) != list(reviews(50, seed=4))


def test_some_reviews_hold_words_of_the_other_label() -> None:
    blamed = [text for text, label in reviews(500, seed=0) if label and " but " in text]
    assert len(blamed) > 50


def test_the_set_is_read_as_documents_and_as_labelled_texts(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "set", 250, seed=0)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    source = DatasetSource(files=[str(path)], text="text")
    documents = list(source.read(SourcesConfig(suffixes=[".txt"])))
    assert all(isinstance(document, Document) for document in documents)
    texts = [document.text for document in documents if isinstance(document, Document)]
    assert texts == [row["text"] for row in rows]
    assert len({getattr(document, "repo", "") for document in documents}) == 3
    spec = PreferenceSpec(plugin="labels", options={"files": [str(path)]})
    run(PreferencesConfig(sources=[spec]), {}, tmp_path)
    labels = [row for heldout in (False, True) for row in read_labels(tmp_path, heldout=heldout)]
    assert {(row.text, int(row.label)) for row in labels} == {
        (row["text"], row["label"]) for row in rows
    }


def test_a_set_without_the_column_of_texts_is_one_clear_error(tmp_path: Path) -> None:
    path = write_reviews(tmp_path, 5, seed=0)
    with pytest.raises(SourceError, match="expected the column review, found text, label"):
        list(DatasetSource(files=[str(path)], text="review").read(SourcesConfig()))
