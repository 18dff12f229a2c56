"""The last commits of a repository that added Python, each with what it changed."""

from collections.abc import Iterator
from dataclasses import dataclass

from lsp_server.bench.commits.repository import REGULAR_MODES, SUFFIX, Repository, is_safe
from lsp_server.errors import BenchError

EMPTY_TREE = "empty"
"""Stands for the parent of a first commit."""
LARGEST_FILE = 1_000_000
"""Bytes; larger files are data."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit on the first-parent line; a merge counts as all that it brought."""

    digest: str
    parent: str
    """EMPTY_TREE for the first commit of a repository."""


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A Python file that a commit added or changed; renamed ones keep what they had."""

    path: str
    """After the commit."""
    old_path: str
    """Before it; the same as `path` where it was not renamed."""
    old: str
    """"" for a new file."""
    new: str


def last_commits(repository: Repository, most: int) -> list[Commit]:
    """The last commits, newest first; no more are looked at, however long the history is.

    Raises BenchError where there are none, or the only one is where a shallow clone was cut off.
    """
    try:
        repository.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except BenchError as exc:
        raise BenchError(
            f"expected commits in {repository.git_dir}, found none that HEAD leads to; commit once"
        ) from exc
    listed = repository.run("rev-list", "--first-parent", "--parents", f"-n{most}", "HEAD")
    rows = [line.split() for line in listed.decode().splitlines()]
    cut_off = repository.run("rev-parse", "--is-shallow-repository").strip() == b"true"
    commits = [Commit(row[0], row[1] if len(row) > 1 else EMPTY_TREE) for row in rows]
    known = [commit for commit in commits if commit.parent != EMPTY_TREE or not cut_off]
    if not known:
        raise BenchError(
            "expected a commit with the state before it, found a shallow clone of one commit; "
            "get more with: git fetch --deepen=50"
        )
    return known


def changed_files(repository: Repository, commit: Commit) -> list[ChangedFile]:
    """What a commit added or changed; files that are no UTF-8 text or are missing stay out.

    Raises BenchError where git cannot compare the commit with its parent.
    """
    if commit.parent == EMPTY_TREE:
        named = [
            ("", blob.path, "", blob.digest) for blob in repository.python_files(commit.digest)
        ]
    else:
        named = list(named_changes(repository, commit))
    digests = [digest for _, _, old, new in named for digest in (old, new) if digest]
    texts = dict(zip(digests, map(as_text, repository.contents(digests)), strict=True))
    texts[""] = ""
    return [
        ChangedFile(path, old_path or path, before, after)
        for old_path, path, old, new in named
        if (before := texts[old]) is not None and (after := texts[new]) is not None
    ]


def named_changes(repository: Repository, commit: Commit) -> Iterator[tuple[str, str, str, str]]:
    """Old path, path, old digest ("" for none) and digest of each Python file that was changed."""
    fields = iter(
        repository.run(
            *("diff-tree", "-r", "-z", "-M", "--raw", "--no-abbrev", "--no-commit-id"),
            *("--diff-filter=AMR", commit.parent, commit.digest),
        )
        .decode("utf-8", "surrogateescape")
        .split("\0")
    )
    for meta in fields:
        if not meta:
            return
        _, mode, old, new, status = meta.removeprefix(":").split()
        old_path = next(fields)
        path = next(fields) if status.startswith("R") else old_path
        if mode in REGULAR_MODES and path.endswith(SUFFIX) and is_safe(path):
            yield old_path, path, "" if status == "A" else old, new


def as_text(content: bytes | None) -> str | None:
    """A file's text with newlines as its only line ends; None where it is no text of any use."""
    if content is None or len(content) > LARGEST_FILE or b"\0" in content:
        return None
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except ValueError:
        return None
    return text if not text or text.endswith("\n") else f"{text}\n"
