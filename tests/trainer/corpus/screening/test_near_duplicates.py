"""Texts that are alike are found, those that are not stay, the same ones on every run."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.corpus.scratch import open_scratch
from trainer.corpus.screening.near_duplicates import NearDuplicates, shingle_hashes


def words(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [f"word{draw.randrange(10**6)}" for _ in range(count)]


@contextmanager
def finder() -> Iterator[NearDuplicates]:
    with open_scratch() as scratch:
        yield NearDuplicates(jaccard=0.85, permutations=128, shingle_words=5, scratch=scratch)


@pytest.fixture
def near() -> Iterator[NearDuplicates]:
    with finder() as found:
        yield found


class InMemory:
    """The same by datasketch's own index."""

    def __init__(self) -> None:
        self._index: Any = MinHashLSH(threshold=0.85, num_perm=128)
        self._signatures: list[Any] = []

    def seen(self, text: str) -> bool:
        signature: Any = MinHash(num_perm=128, hashfunc=int)
        signature.update_batch(shingle_hashes(text, 5).tolist())
        proposed = self._index.query(signature)
        if any(signature.jaccard(self._signatures[key]) >= 0.85 for key in proposed):
            return True
        self._index.insert(len(self._signatures), signature)
        self._signatures.append(signature)
        return False


def test_on_disk_the_same_texts_are_alike_as_in_memory(near: NearDuplicates) -> None:
    draw, memory, found = random.Random(1), InMemory(), []
    for family in range(12):
        for changes in range(12):
            text = words(300, family)
            for place in draw.sample(range(300), draw.randrange(changes + 1)):
                text[place] = f"other{place}"
            asked = " ".join(text)
            found.append(near.seen(asked))
            assert found[-1] == memory.seen(asked)
    assert 20 < sum(found) < len(found) - 20


def test_a_text_has_one_shingle_for_each_run_of_words() -> None:
    assert len(shingle_hashes("a b c d e f g", 5)) == 3
    assert len(shingle_hashes("a b c d e " * 9, 5)) == 5
    assert len(shingle_hashes("a b c d", 5)) == 0


def test_shingles_know_the_order_of_words_and_ignore_what_stands_between() -> None:
    assert shingle_hashes("a b c d e", 5).tolist() == shingle_hashes("a(b, c)\n[d].e", 5).tolist()
    assert shingle_hashes("a b c d e", 5).tolist() != shingle_hashes("e d c b a", 5).tolist()


def test_shingles_are_the_same_in_every_process() -> None:
    program = (
        "from trainer.corpus.screening.near_duplicates import *\n"
        "print(shingle_hashes('a b c d e f', 5).tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{shingle_hashes('a b c d e f', 5).tolist()}\n"}


def test_a_text_with_a_few_words_changed_is_a_near_duplicate(near: NearDuplicates) -> None:
    text = words(1000, 0)
    changed = [*text[:500], "another", *text[501:]]  # 10 of 1,006 shingles differ: Jaccard 0.99
    assert not near.seen(" ".join(text))
    assert near.seen(" ".join(changed))


def test_a_text_with_half_its_words_changed_is_not(near: NearDuplicates) -> None:
    text = words(1000, 0)
    assert not near.seen(" ".join(text))
    assert not near.seen(" ".join(text[:500] + words(500, 1)))


def test_a_dropped_text_takes_no_others_with_it(near: NearDuplicates) -> None:
    text = words(1000, 0)
    chain = [text[start:] + words(start, 9) for start in range(0, 400, 100)]
    # Each is 0.8 like the one before it and less like the earlier ones, so all of them stay.
    assert [near.seen(" ".join(link)) for link in chain] == [False] * 4


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=5, max_size=60).map(" ".join))
def test_a_text_is_always_like_itself(text: str) -> None:
    with finder() as near:
        assert not near.seen(text)
        assert near.seen(text)


def test_texts_too_short_for_a_shingle_are_never_alike(near: NearDuplicates) -> None:
    assert not near.seen("import os")
    assert not near.seen("import os")
