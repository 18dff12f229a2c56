"""Whose text answers: files as they were read, open documents as they are, never an old copy."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from lsp_server.project.index.digests import name_digest, text_digest
from lsp_server.project.index.segment import build_segment
from lsp_server.project.index.store import Batch, OpenText, ProjectIndex
from lsp_server.project.workspace import Workspace
from lsp_server.settings import Settings


def uri(name: str) -> str:
    return f"file:///project/{name}"


def ids_of(ids: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
    return np.array(ids, np.uint16)


def batch(texts: Mapping[str, Sequence[int]]) -> Batch:
    """Files by name with their ids; equal ones are stored once."""
    digests = {name: text_digest(str(ids)) for name, ids in texts.items()}
    stored = {digests[name]: ids_of(ids) for name, ids in texts.items()}
    names = {name_digest(f"/project/{name}"): digests[name] for name in texts}
    return Batch(build_segment(stored.items()), names)


@pytest.fixture
def workspace() -> Workspace:
    workspace = Workspace(lambda uri: None)
    workspace.begin(["file:///project"], Settings())
    return workspace


@pytest.fixture
def index(workspace: Workspace) -> ProjectIndex:
    index = ProjectIndex(workspace)
    index.clear(workspace.notes.epoch)
    return index


def put(index: ProjectIndex, name: str, ids: Sequence[int]) -> None:
    """Let the index know an open document as it is now."""
    workspace = index.workspace
    file = workspace.name(uri(name))
    index.put(file, OpenText(workspace.notes.open[file], ids_of(ids)), index.epoch)


def follows(index: ProjectIndex, context: Sequence[int], without: str = "other.py") -> list[int]:
    """What the view says may follow, by the longest match."""
    rungs = index.view(uri(without)).rungs(context)
    return sorted(rungs[-1].counts) if rungs else []


def test_every_file_but_the_current_answers(index: ProjectIndex) -> None:
    index.add([batch({"a.py": [1, 2], "b.py": [1, 3]})], index.epoch)
    index.add([batch({"c.py": [1, 4]})], index.epoch)
    assert follows(index, [1]) == [2, 3, 4]
    assert follows(index, [1], without="b.py") == [2, 4]


def test_the_file_of_an_open_document_does_not_answer_its_live_text_does(
    index: ProjectIndex,
) -> None:
    index.add([batch({"a.py": [1, 2], "b.py": [1, 3]})], index.epoch)
    index.workspace.open(uri("a.py"))
    assert follows(index, [1]) == [3]
    put(index, "a.py", [1, 9])
    assert follows(index, [1]) == [3, 9]
    assert follows(index, [1], without="a.py") == [3]


def test_a_text_that_has_changed_does_not_answer_until_it_is_read_anew(index: ProjectIndex) -> None:
    index.workspace.open(uri("a.py"))
    put(index, "a.py", [1, 2])
    index.workspace.edit(uri("a.py"))
    assert follows(index, [1]) == []
    put(index, "a.py", [1, 5])
    assert follows(index, [1]) == [5]


def test_a_text_read_before_the_last_change_does_not_answer(index: ProjectIndex) -> None:
    workspace = index.workspace
    workspace.open(uri("a.py"))
    file = workspace.name(uri("a.py"))
    before = workspace.notes.open[file]
    workspace.edit(uri("a.py"))
    index.put(file, OpenText(before, ids_of([1, 2])), index.epoch)
    assert follows(index, [1]) == []


def test_a_closed_document_answers_once_its_file_was_read_again(index: ProjectIndex) -> None:
    workspace = index.workspace
    index.add([batch({"a.py": [1, 2]})], index.epoch)
    workspace.open(uri("a.py"))
    put(index, "a.py", [1, 9])
    workspace.close(uri("a.py"))
    assert follows(index, [1]) == []
    index.add([batch({"a.py": [1, 5]})], index.epoch)
    assert follows(index, [1]) == []
    workspace.settle(workspace.notes.stale)
    assert follows(index, [1]) == [5]


def test_news_that_came_while_older_news_was_dealt_with_keeps_a_file_silent(
    index: ProjectIndex,
) -> None:
    workspace = index.workspace
    index.add([batch({"a.py": [1, 2]})], index.epoch)
    workspace.touch([uri("a.py")])
    older = workspace.notes.stale
    workspace.touch([uri("a.py")])
    workspace.settle(older)
    assert follows(index, [1]) == []


def test_a_file_that_is_gone_does_not_answer(index: ProjectIndex) -> None:
    index.add([batch({"a.py": [1, 2], "b.py": [1, 3]})], index.epoch)
    index.forget([index.workspace.name(uri("a.py"))])
    assert follows(index, [1]) == [3]


def test_a_copy_of_an_open_file_does_not_answer_either(index: ProjectIndex) -> None:
    index.add([batch({"a.py": [1, 2], "build/a.py": [1, 2], "b.py": [1, 3]})], index.epoch)
    index.workspace.open(uri("a.py"))
    assert follows(index, [1]) == [3]


def test_a_text_answers_as_long_as_any_file_holds_it(index: ProjectIndex) -> None:
    index.add([batch({"a.py": [1, 2], "copy.py": [1, 2]})], index.epoch)
    index.add([batch({"a.py": [1, 5]})], index.epoch)
    assert follows(index, [1]) == [2, 5]
    index.forget([index.workspace.name(uri("copy.py"))])
    assert follows(index, [1]) == [5]


def test_a_text_that_is_stored_twice_counts_once(index: ProjectIndex) -> None:
    for _ in range(2):
        index.add([batch({"a.py": [1, 2]})], index.epoch)
    [rung] = index.view(uri("b.py")).rungs([1])
    assert (rung.total, rung.counts) == (1, {2: 1})


def test_segments_that_are_replaced_go(index: ProjectIndex) -> None:
    index.add([batch({"a.py": [1, 2]})], index.epoch)
    index.add([batch({"b.py": [1, 3]})], index.epoch)
    index.add([batch({"a.py": [1, 2], "b.py": [1, 4]})], index.epoch, instead=index.segments)
    assert len(index.segments) == 1
    assert follows(index, [1]) == [2, 4]


def test_nothing_answers_that_was_read_under_earlier_settings(index: ProjectIndex) -> None:
    index.add([batch({"a.py": [1, 2]})], index.epoch)
    workspace = index.workspace
    workspace.begin(["file:///project"], Settings(min_characters=9))
    assert follows(index, [1]) == [2]
    workspace.begin(["file:///project"], Settings(exclude=("a.py",)))
    assert follows(index, [1]) == []


def test_what_was_being_read_when_the_rules_changed_is_refused(index: ProjectIndex) -> None:
    workspace, before = index.workspace, index.epoch
    workspace.open(uri("a.py"))
    name = workspace.name(uri("a.py"))
    text = OpenText(workspace.notes.open[name], ids_of([1, 2]))
    workspace.begin(["file:///project"], Settings(exclude=("a.py",)))
    assert not index.put(name, text, before), "before the index was cleared"
    assert not index.add([batch({"a.py": [1, 2]})], before)
    index.clear(workspace.notes.epoch)
    assert not index.put(name, text, before), "after it was"
    assert not index.add([batch({"a.py": [1, 2]})], before)
    assert follows(index, [1]) == []
    assert index.put(name, text, index.epoch)


def test_a_text_read_while_its_document_was_closed_is_refused(index: ProjectIndex) -> None:
    workspace = index.workspace
    workspace.open(uri("a.py"))
    name = workspace.name(uri("a.py"))
    text = OpenText(workspace.notes.open[name], ids_of([1, 2]))
    workspace.close(uri("a.py"))
    assert not index.put(name, text, index.epoch)


def test_a_link_to_a_file_is_that_file(index: ProjectIndex, tmp_path: Path) -> None:
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    real.touch()
    link.symlink_to(real)
    assert index.workspace.name(link.as_uri()) == index.workspace.name(real.as_uri())


def test_a_view_does_not_change(index: ProjectIndex) -> None:
    index.add([batch({"a.py": [1, 2]})], index.epoch)
    view = index.view(uri("b.py"))
    index.workspace.open(uri("a.py"))
    index.add([batch({"c.py": [1, 3]})], index.epoch)
    assert [rung.counts for rung in view.rungs([1])] == [{2: 1}]
