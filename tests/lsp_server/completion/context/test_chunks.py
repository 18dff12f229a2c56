"""BM25 over chunks: rare shared words decide, and repeated words of the question count more."""

from pathlib import PurePosixPath

from lsp_server.completion.context.chunks import LINES, MOST_CHUNKS, ChunkIndex, words_of
from lsp_server.completion.context.texts import SourceText


def source(name: str, text: str) -> SourceText:
    """A source of that name."""
    return SourceText(PurePosixPath("/w", name), name, text)


def test_the_chunk_that_shares_the_rare_word_is_nearest() -> None:
    common = [source(f"{at}.py", f"value = compute({at})\n") for at in range(8)]
    index = ChunkIndex([*common, source("rare.py", "value = compute(zebra)\n")])
    hits = index.nearest(["value", "compute", "zebra"], 3)
    assert hits[0].chunk.path == "rare.py"
    assert hits[0].score > hits[1].score
    assert [hit.chunk.path for hit in index.nearest(["zebra"], 3)] == ["rare.py"]


def test_a_word_given_several_times_outweighs_another() -> None:
    index = ChunkIndex([source("a.py", "alpha\n"), source("b.py", "beta\n")])
    assert index.nearest(["alpha", "beta", "beta"], 1)[0].chunk.path == "b.py"
    assert index.nearest(["alpha", "alpha", "beta"], 1)[0].chunk.path == "a.py"


def test_parts_of_a_name_count_too() -> None:
    assert words_of("read_file_row x1") == ["read_file_row", "read", "file", "row"]
    index = ChunkIndex([source("a.py", "read_rows = 1\n")])
    assert index.nearest(["rows"], 1)


def test_without_sources_or_shared_words_nothing_is_near() -> None:
    assert ChunkIndex([]).nearest(["a"], 3) == []
    assert ChunkIndex([source("a.py", "\n\n")]).nearest(["abc"], 3) == []
    assert ChunkIndex([source("a.py", "word\n")]).nearest(["other"], 3) == []


def test_a_chunk_is_whole_lines_and_the_index_is_bounded() -> None:
    text = "".join(f"name_{at} = 1\n" for at in range(LINES + 3))
    index = ChunkIndex([source("a.py", text)])
    [hit] = index.nearest([f"name_{LINES + 1}"], 1)
    assert hit.chunk.first == LINES
    assert hit.chunk.text == "".join(f"name_{at} = 1\n" for at in range(LINES, LINES + 3))
    many = [source(f"{at}.py", f"only{at}\n") for at in range(MOST_CHUNKS + 1)]
    index = ChunkIndex(many)
    assert index.nearest([f"only{MOST_CHUNKS - 1}"], 1)
    assert not index.nearest([f"only{MOST_CHUNKS}"], 1)
