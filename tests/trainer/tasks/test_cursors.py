"""Cursor positions: real places in code, spread over repositories, the same for the same seed."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trainer.corpus.document import Document, DocumentWriter, document_id
from trainer.tasks.cursors import (
    CURSORS_PER_DOCUMENT,
    SHORTEST_TRUTH,
    draw_documents,
    sample_cursors,
    take_turns,
)

LINES = st.sampled_from(
    ["", "    ", "# a comment", "    # another", "x", "x = 1", "    return value + 1", "\tif a:  "]
)
BREAKS = st.sampled_from(["\n", "\r\n", "\r"])
TEXTS = st.lists(st.one_of(st.tuples(LINES, BREAKS), st.tuples(st.text(max_size=12), BREAKS))).map(
    lambda lines: "".join(line + end for line, end in lines)
)


def document(repo: str, path: str, text: str) -> Document:
    return Document(
        id=document_id(f"{repo} {path} {text}"),
        source="folder",
        repo=repo,
        path=path,
        commit="",
        licence="mit",
        text=text,
    )


def many(repos: int, files: int, lines: int) -> list[Document]:
    return [
        document(
            f"repo-{repo}",
            f"file_{file}.py",
            "".join(f"value_{file}_{line} = {line}\n" for line in range(lines)),
        )
        for repo in range(repos)
        for file in range(files)
    ]


@given(TEXTS, st.integers(0, 5))
def test_a_cursor_stands_in_code_with_something_left_to_complete(text: str, seed: int) -> None:
    for cursor in sample_cursors([document("r", "p.py", text)], 10, seed):
        assert cursor.prefix + cursor.truth + cursor.suffix == text
        assert not set(cursor.truth) & set("\r\n")
        assert cursor.suffix == "" or cursor.suffix[0] in "\r\n"
        assert len("".join(cursor.truth.split())) >= SHORTEST_TRUTH
        start = max(cursor.prefix.rfind("\n"), cursor.prefix.rfind("\r")) + 1
        line = cursor.prefix[start:] + cursor.truth
        assert not line.strip().startswith("#")
        assert len(cursor.prefix) - start >= len(line) - len(line.lstrip())


@given(st.randoms(), st.integers(0, 3))
def test_the_order_of_documents_does_not_matter(random: object, seed: int) -> None:
    documents = many(3, 2, 5)
    mixed = list(documents)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert sample_cursors(mixed, 12, seed) == sample_cursors(documents, 12, seed)


def test_another_seed_gives_other_cursors() -> None:
    documents = many(3, 3, 20)
    assert sample_cursors(documents, 9, 1) != sample_cursors(documents, 9, 2)


def test_repositories_take_turns_whatever_their_size() -> None:
    documents = many(1, 50, 30) + [replace(d, repo="small") for d in many(1, 4, 30)]
    repos = Counter(cursor.repo for cursor in sample_cursors(documents, 8, 0))
    assert repos == {"repo-0": 4, "small": 4}


def test_no_file_gives_more_than_its_share_and_no_line_twice() -> None:
    cursors = sample_cursors(many(1, 2, 100), 100, 0)
    assert Counter(cursor.path for cursor in cursors) == {
        "file_0.py": CURSORS_PER_DOCUMENT,
        "file_1.py": CURSORS_PER_DOCUMENT,
    }
    assert len({(cursor.path, cursor.prefix.count("\n")) for cursor in cursors}) == len(cursors)


def test_documents_without_code_give_no_cursors() -> None:
    assert sample_cursors([document("r", "p.py", "# only\n\n   \nab\n")], 5, 0) == []


def test_documents_are_drawn_on_disk_as_they_were_in_memory(tmp_path: Path) -> None:
    draw = random.Random(0)
    documents = [
        Document(document_id(str(n)), "t", f"r{draw.randrange(9) ** 2}", f"{n}.py", "", "", f"{n}")
        for n in range(300)
    ]
    with DocumentWriter(tmp_path) as writer:
        for document in documents:
            writer.write(document)
    for count in (0, 1, 7, 50, 299, 400):
        turns = take_turns(sorted(documents, key=lambda each: each.id), random.Random(3))
        assert draw_documents(tmp_path, count, 3) == turns[:count]
