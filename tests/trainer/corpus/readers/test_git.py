"""Repositories are read from their objects: bare, at a commit, links and submodules left out."""

import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pygit2
import pytest
from pygit2.enums import FileMode

from trainer.corpus.config import SourcesConfig
from trainer.corpus.document import Document
from trainer.corpus.readers.files import Skipped
from trainer.corpus.readers.git import GitSource
from trainer.errors import SourceError

AUTHOR = pygit2.Signature("A", "a@example.org", 0, 0)
MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person\nobtaining a copy"


def commit(repository: Any, files: dict[str, bytes], extra: dict[str, tuple[Any, int]]) -> str:
    """Commit exactly these files, and tree entries of other modes; gives the commit's hash."""
    index = pygit2.Index()
    for path, data in files.items():
        index.add(pygit2.IndexEntry(path, repository.create_blob(data), FileMode.BLOB))
    for path, (target, mode) in extra.items():
        index.add(pygit2.IndexEntry(path, target, mode))
    tree = index.write_tree(repository)
    parents = [] if repository.head_is_unborn else [repository.head.target]
    return str(repository.create_commit("HEAD", AUTHOR, AUTHOR, "m", tree, parents))


@pytest.fixture
def bare(tmp_path: Path) -> Any:
    return pygit2.init_repository(tmp_path / "thing.git", bare=True)


def read(
    source: GitSource, config: SourcesConfig | None = None
) -> tuple[list[Document], list[Skipped]]:
    items = list(source.read(config or SourcesConfig()))
    documents = [item for item in items if isinstance(item, Document)]
    return documents, [item for item in items if isinstance(item, Skipped)]


def test_a_bare_repository_gives_the_files_of_a_commit_without_a_checkout(bare: Any) -> None:
    first = commit(bare, {"a.py": b"a = 1\n", "LICENSE": MIT.encode()}, {})
    second = commit(bare, {"pkg/b.py": b"b = 2\n", "b.txt": b"no"}, {})
    (newest,), _ = read(GitSource(path=bare.path))
    (oldest,), _ = read(GitSource(path=bare.path, commit=first))
    assert (newest.path, newest.text, newest.commit) == ("pkg/b.py", "b = 2\n", second)
    assert (oldest.path, oldest.text, oldest.commit) == ("a.py", "a = 1\n", first)
    assert (newest.repo, newest.licence, oldest.licence) == ("thing", "unknown", "mit")
    assert not list(Path(bare.path).rglob("*.py"))


def test_links_and_submodules_are_not_followed(bare: Any) -> None:
    link = bare.create_blob(b"../../etc/passwd")
    extra = {
        "link.py": (link, FileMode.LINK),
        "sub": (pygit2.Oid(hex="1" * 40), FileMode.COMMIT),
    }
    commit(bare, {"a.py": b"a = 1\n"}, extra)
    documents, skipped = read(GitSource(path=bare.path))
    assert [document.path for document in documents] == ["a.py"]
    assert [(entry.path, entry.reason) for entry in skipped] == [("link.py", "link")]


def test_bad_blobs_are_skipped_with_their_reason(bare: Any) -> None:
    files = {"bin.py": b"\0", "latin.py": b"\xe4", "large.py": b"#" * 101, "good.py": b"x = 1\n"}
    commit(bare, files, {})
    documents, skipped = read(GitSource(path=bare.path), SourcesConfig(max_file_bytes=100))
    assert [document.path for document in documents] == ["good.py"]
    assert {entry.path: entry.reason for entry in skipped} == {
        "bin.py": "binary",
        "latin.py": "not UTF-8",
        "large.py": "too large",
    }


def test_an_object_that_a_partial_clone_lacks_is_skipped(bare: Any) -> None:
    commit(bare, {"a.py": b"a = 1\n", "b.py": b"b = 1\n"}, {})
    lost = str(bare.head.peel().tree["b.py"].id)
    (Path(bare.path) / "objects" / lost[:2] / lost[2:]).unlink()
    documents, skipped = read(GitSource(path=bare.path))
    assert [document.path for document in documents] == ["a.py"]
    assert [entry.reason for entry in skipped] == ["unreadable: object missing or damaged"]


def test_a_tree_that_a_partial_clone_lacks_is_skipped_with_what_lies_below(bare: Any) -> None:
    commit(bare, {"a.py": b"a = 1\n", "pkg/b.py": b"b = 1\n"}, {})
    lose(bare, str(bare.head.peel().tree["pkg"].id))
    documents, skipped = read(GitSource(path=bare.path))
    assert [document.path for document in documents] == ["a.py"]
    found = [(entry.path, entry.reason) for entry in skipped]
    assert found == [("pkg/", "unreadable: object missing or damaged")]


def test_a_commit_without_its_tree_is_skipped_and_the_next_repository_read(tmp_path: Path) -> None:
    rows = []
    for name in ("one", "two"):
        repository = pygit2.init_repository(tmp_path / name)
        commit(repository, {"a.py": f"{name} = 1\n".encode()}, {})
        rows.append(f"{name}\t{tmp_path / name}")
        if name == "one":
            lose(repository, str(repository.head.peel().tree.id))
    (tmp_path / "list.tsv").write_text("\n".join(rows))
    documents, skipped = read(GitSource(list=str(tmp_path / "list.tsv")))
    assert [document.repo for document in documents] == ["two"]
    assert [(entry.repo, entry.reason) for entry in skipped] == [
        ("one", "unreadable: object missing or damaged")
    ]


def lose(repository: Any, name: str) -> None:
    """Take an object's file away."""
    (Path(repository.path) / "objects" / name[:2] / name[2:]).unlink()


def test_a_tree_that_holds_itself_many_times_over_ends_at_the_limit(bare: Any) -> None:
    index = pygit2.Index()
    index.add(pygit2.IndexEntry("a.py", bare.create_blob(b"a = 1\n"), FileMode.BLOB))
    tree = index.write_tree(bare)
    for _ in range(9):  # 10**9 files
        builder = bare.TreeBuilder()
        for number in range(10):
            builder.insert(f"d{number}", tree, FileMode.TREE)
        tree = builder.write()
    bare.create_commit("HEAD", AUTHOR, AUTHOR, "m", tree, [])

    documents, skipped = read(GitSource(path=bare.path), SourcesConfig(max_repository_files=5_000))

    assert 1_000 < len(documents) < 5_000
    assert [entry.reason for entry in skipped] == ["over the repository's number of files"]


def test_a_tree_without_end_ends_at_the_longest_path(bare: Any) -> None:
    index = pygit2.Index()
    index.add(pygit2.IndexEntry("a.py", bare.create_blob(b"a = 1\n"), FileMode.BLOB))
    tree = index.write_tree(bare)
    for _ in range(1_000):
        builder = bare.TreeBuilder()
        builder.insert("d", tree, FileMode.TREE)
        tree = builder.write()
    bare.create_commit("HEAD", AUTHOR, AUTHOR, "m", tree, [])
    documents, skipped = read(GitSource(path=bare.path))
    assert documents == []
    assert [entry.reason for entry in skipped] == ["path too long"]


@pytest.mark.parametrize("name", ["big.py", "LICENSE"])
def test_a_huge_blob_is_not_loaded(bare: Any, name: str) -> None:
    blob = bare.create_blob(b"#" * 200_000_000)
    commit(bare, {"a.py": b"a = 1\n"}, {name: (blob, FileMode.BLOB)})
    path = str(bare.path)
    code = (
        "import resource, sys\n"
        "from trainer.corpus.config import SourcesConfig\n"
        "from trainer.corpus.readers.git import GitSource\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "import pygit2; pygit2.Repository(sys.argv[1]); before = peak()\n"
        "items = list(GitSource(path=sys.argv[1]).read(SourcesConfig()))\n"
        "print(len(items), (peak() - before) // 1024)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    count, megabytes = map(int, told.stdout.split())
    assert count == (2 if name == "big.py" else 1)
    assert megabytes < 50


def test_a_damaged_object_is_skipped(bare: Any) -> None:
    commit(bare, {"a.py": b"a = 1\n", "b.py": b"b = 1\n"}, {})
    name = str(bare.head.peel().tree["b.py"].id)
    file = Path(bare.path) / "objects" / name[:2] / name[2:]
    file.chmod(0o600)
    # Its header promises three bytes; a billion follow.
    file.write_bytes(zlib.compress(b"blob 3\0" + b"\0" * 10**8))
    documents, skipped = read(GitSource(path=bare.path))
    assert [document.path for document in documents] == ["a.py"]
    assert [entry.reason for entry in skipped] == ["unreadable: object missing or damaged"]


def test_a_list_names_repositories_and_their_commits(tmp_path: Path) -> None:
    rows = []
    for name in ("one", "two"):
        repository = pygit2.init_repository(tmp_path / name)
        first = commit(repository, {"a.py": f"{name} = 1\n".encode()}, {})
        commit(repository, {"a.py": b"newer = 1\n"}, {})
        rows.append(f"owner/{name}\t{tmp_path / name}" + (f"\t{first}" if name == "two" else ""))
    listing = tmp_path / "list.tsv"
    listing.write_text("\n".join(rows) + "\n\n")
    documents, _ = read(GitSource(list=str(listing)))
    found = [(document.repo, document.text) for document in documents]
    assert found == [("owner/one", "newer = 1\n"), ("owner/two", "two = 1\n")]


def test_a_git_folder_is_named_after_the_folder_that_holds_it(tmp_path: Path) -> None:
    repository = pygit2.init_repository(tmp_path / "project")
    commit(repository, {"a.py": b"a = 1\n"}, {})
    (document,), _ = read(GitSource(path=str(tmp_path / "project/.git")))
    assert document.repo == "project"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "nowhere"}, "expected a repository with commit HEAD at"),
        ({"path": "empty"}, "expected a repository with commit HEAD at"),
        ({"path": "thing.git", "commit": "feedbeef"}, "with commit feedbeef"),
        ({"list": "nowhere.tsv"}, "cannot read the list"),
        ({"list": "bad.tsv"}, "bad.tsv:1: expected owner/name<TAB>path"),
        ({}, "either `path` or `list`, found both or none"),
    ],
)
def test_what_cannot_be_opened_is_one_line_that_says_what(
    tmp_path: Path, bare: Any, options: dict[str, str], message: str
) -> None:
    commit(bare, {"a.py": b"a = 1\n"}, {})
    pygit2.init_repository(tmp_path / "empty")
    (tmp_path / "bad.tsv").write_text("only one column\n")
    located = {
        name: str(tmp_path / value) if name in ("path", "list") else value
        for name, value in options.items()
    }
    with pytest.raises(SourceError, match=message) as caught:
        read(GitSource(**located))
    assert "\n" not in str(caught.value)
