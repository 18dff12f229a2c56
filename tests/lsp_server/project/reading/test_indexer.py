"""What the indexing process reads of a job, and how it is told."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.documents.exclusions import NEVER_READ, Exclusions
from lsp_server.errors import IndexingError
from lsp_server.project.index.digests import name_digest, text_digest
from lsp_server.project.index.segment import build_segment
from lsp_server.project.index.store import Batch
from lsp_server.project.reading import indexer
from lsp_server.project.reading.frames import HEAD, read_batch, write_batch, write_done
from lsp_server.project.reading.indexer import Job, read_batches
from lsp_server.project.walk import Rules, root_of
from lsp_server.settings import Settings


def job(root: Path, files: tuple[str, ...] | None = None, most_bytes: int = 10**6) -> Job:
    return Job(
        roots=(root_of(str(root)),),
        rules=Rules(("python",), Exclusions(NEVER_READ)),
        files=files,
        tokenizer=str(Settings().bundle_folder / "tokenizer.json"),
        most_bytes=most_bytes,
    )


def write(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        (root / f"{name}.py").write_text(text, encoding="utf-8")


def test_a_job_is_the_same_after_the_pipe(tmp_path: Path) -> None:
    for files in (None, (), ("/a b/\u3000.py",)):
        given = job(tmp_path, files)
        line = given.to_json()
        assert "\n" not in line
        assert Job.from_json(line) == given


def test_equal_texts_are_stored_once_under_every_name(tmp_path: Path) -> None:
    write(tmp_path, a="x = 1\n", b="y = 2\n", copy="x = 1\n")
    [batch] = read_batches(job(tmp_path))
    assert len(batch.segment.digests) == 2
    root = tmp_path.resolve()
    assert batch.names == {
        name_digest(f"{root}/{name}.py"): text_digest(text)
        for name, text in (("a", "x = 1\n"), ("b", "y = 2\n"), ("copy", "x = 1\n"))
    }


def test_only_files_that_may_be_read_are_read_even_if_asked_for(tmp_path: Path) -> None:
    write(tmp_path, a="x = 1\n", secrets="y = 2\n")
    root = tmp_path.resolve()
    asked = (f"{root}/a.py", f"{root}/secrets.py", f"{root}/gone.py", __file__)
    [batch] = read_batches(job(tmp_path, asked))
    assert list(batch.names) == [name_digest(f"{root}/a.py")]


OPENS = """import sys
opened = []
sys.addaudithook(lambda event, given: event == "open" and opened.append(str(given[0])))
from lsp_server.project.reading.indexer import Job, read_batches
list(read_batches(Job.from_json(sys.stdin.readline())))
print(*opened, sep="\\n")
"""


def test_excluded_files_are_never_opened(tmp_path: Path) -> None:
    write(tmp_path, a="x = 1\n", secrets="y = 2\n")
    (tmp_path / ".env.py").write_text("z = 3\n")
    ran = subprocess.run(
        [sys.executable, "-c", OPENS],
        input=job(tmp_path).to_json(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    ours = {path.name for path in tmp_path.iterdir()}
    names = [name for path in ran.stdout.splitlines() if (name := Path(path).name) in ours]
    assert names == ["a.py"]


def test_no_more_is_read_than_the_job_allows(tmp_path: Path) -> None:
    write(tmp_path, **{f"f{number}": f"name_{number} = 1\n" * 50 for number in range(20)})
    whole = sum(path.stat().st_size for path in tmp_path.iterdir())
    [batch] = read_batches(job(tmp_path, most_bytes=whole // 2))
    assert 5 <= len(batch.segment.digests) <= 10


def test_segments_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "SIZES", (10, 100))
    write(tmp_path, **{f"f{number:02}": f"name_{number} = 1\n" for number in range(40)})
    sizes = [batch.segment.tokens for batch in read_batches(job(tmp_path))]
    assert len(sizes) > 3
    assert sizes[0] < 100 < min(sizes[1:-1])


@given(
    texts=st.lists(st.lists(st.sampled_from([0, 1, 300]), max_size=20), max_size=4),
    names=st.dictionaries(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), max_size=5),
)
def test_a_batch_is_the_same_after_the_pipe(texts: list[list[int]], names: dict[int, int]) -> None:
    given = Batch(
        build_segment((number, np.array(ids, np.uint16)) for number, ids in enumerate(texts)), names
    )
    pipe = io.BytesIO()
    write_batch(pipe, given)
    write_done(pipe)
    pipe.seek(0)
    found = read_batch(pipe)
    assert found is not None
    assert read_batch(pipe) is None
    assert found.names == names
    for name in ("stream", "low", "high", "buckets"):
        assert getattr(found.segment, name) == getattr(given.segment, name)
    assert np.array_equal(found.segment.starts, given.segment.starts)
    assert np.array_equal(found.segment.digests, given.segment.digests)


def test_a_pipe_that_ends_early_is_an_error_wherever_it_does() -> None:
    pipe = io.BytesIO()
    write_batch(pipe, Batch(build_segment([(7, np.array([1, 2, 1], np.uint16))]), {5: 7}))
    for end in range(len(pipe.getvalue())):
        with pytest.raises(IndexingError, match="expected"):
            read_batch(io.BytesIO(pipe.getvalue()[:end]))


@pytest.mark.parametrize("kind", [b"BTCH", b"Trac"])
def test_what_is_no_batch_is_refused_before_memory_is_taken(kind: bytes) -> None:
    with pytest.raises(IndexingError, match="expected a batch"):
        read_batch(io.BytesIO(HEAD.pack(kind, 2**32 - 1, 1, 1, 1, 1)))


def test_another_name_of_an_excluded_file_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, a="x = 1\n", secrets="y = 2\n")
    (tmp_path / ".env").write_text("KEY = 3\n")
    for name, link in (("a.py", "b.py"), ("secrets.py", "c.py"), (".env", "d.py")):
        os.link(tmp_path / name, tmp_path / link)
    [batch] = read_batches(job(tmp_path))
    root = tmp_path.resolve()
    assert set(batch.names) == {name_digest(f"{root}/{name}.py") for name in "ab"}


@pytest.mark.parametrize(
    "module", ["lsp_server.project.reading.indexer", "lsp_server.completion.model.tryout_process"]
)
@pytest.mark.parametrize("written", [b"", b'{"roots": ['])
def test_a_child_whose_parent_went_before_its_job_says_nothing(module: str, written: bytes) -> None:
    command = [sys.executable, "-c", f"from {module} import main; main()"]
    done = subprocess.run(command, input=written, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_a_child_whose_parent_went_while_it_reads_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, a="x = 1\n")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "lsp_server.project.reading.indexer"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=writing, stderr=pipe) as child:
        os.close(writing)
        assert child.stdin is not None
        assert child.stderr is not None
        child.stdin.write(job(tmp_path).to_json().encode() + b"\n")
        child.stdin.flush()
        assert child.stderr.read() == b""
    assert child.returncode == 1
