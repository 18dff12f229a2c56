"""Texts that are alike are found, those that are not stay, the same ones on every run."""

import os
import random
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.near_duplicates import NearDuplicates, shingle_hashes


def words(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [f"word{draw.randrange(10**6)}" for _ in range(count)]


def finder() -> NearDuplicates:
    return NearDuplicates(jaccard=0.85, permutations=128, shingle_words=5)


def test_a_text_has_one_shingle_for_each_run_of_words() -> None:
    assert len(shingle_hashes("a b c d e f g", 5)) == 3
    assert len(shingle_hashes("a b c d e " * 9, 5)) == 5
    assert len(shingle_hashes("a b c d", 5)) == 0


def test_shingles_know_the_order_of_words_and_ignore_what_stands_between() -> None:
    assert shingle_hashes("a b c d e", 5).tolist() == shingle_hashes("a(b, c)\n[d].e", 5).tolist()
    assert shingle_hashes("a b c d e", 5).tolist() != shingle_hashes("e d c b a", 5).tolist()


def test_shingles_are_the_same_in_every_process() -> None:
    program = (
        "from trainer.near_duplicates import *; print(shingle_hashes('a b c d e f', 5).tolist())"
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


def test_a_text_with_a_few_words_changed_is_a_near_duplicate() -> None:
    text = words(1000, 0)
    changed = [*text[:500], "another", *text[501:]]  # 10 of 1,006 shingles differ: Jaccard 0.99
    near = finder()
    assert not near.seen(" ".join(text))
    assert near.seen(" ".join(changed))


def test_a_text_with_half_its_words_changed_is_not() -> None:
    text = words(1000, 0)
    near = finder()
    assert not near.seen(" ".join(text))
    assert not near.seen(" ".join(text[:500] + words(500, 1)))


def test_a_dropped_text_takes_no_others_with_it() -> None:
    text = words(1000, 0)
    chain = [text[start:] + words(start, 9) for start in range(0, 400, 100)]
    near = finder()
    # Each is 0.8 like the one before it and less like the earlier ones, so all of them stay.
    assert [near.seen(" ".join(link)) for link in chain] == [False] * 4


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=5, max_size=60).map(" ".join))
def test_a_text_is_always_like_itself(text: str) -> None:
    near = finder()
    assert not near.seen(text)
    assert near.seen(text)


def test_texts_too_short_for_a_shingle_are_never_alike() -> None:
    near = finder()
    assert not near.seen("import os")
    assert not near.seen("import os")
