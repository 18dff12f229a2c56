"""Types a repository's last commits with several servers until the time is over."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic

from lsp_server.bench.commits.additions import Addition, additions, choose
from lsp_server.bench.commits.history import Commit, changed_files, last_commits
from lsp_server.bench.commits.repository import Repository, open_repository
from lsp_server.bench.commits.states import StateFolder
from lsp_server.bench.config import ReplayConfig, TryConfig
from lsp_server.bench.replay.plans import FilePlan
from lsp_server.bench.replay.records import Records
from lsp_server.bench.replay.replay import Lane, replay_workspace
from lsp_server.bench.texts.files import SourceFile
from lsp_server.errors import BenchError

Watch = Callable[[str, float], None]
"""Told what is being done, and the share of the time or of the commits that is over."""


@dataclass(frozen=True, slots=True)
class TypedCommit:
    """What came of one commit."""

    digest: str
    parent: str
    records: tuple[Records | None, ...]
    """One for each server; None for one that had no time for it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of all commits."""

    name: str
    """The repository's."""
    commits: tuple[TypedCommit, ...]
    """Newest first."""
    looked_at: int
    """Commits that were looked at, with those that added no Python."""
    out_of_time: bool
    """Whether older commits were left out because the time was over."""
    left_out: tuple[str, ...]
    """Why commits could not be read, one line each."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """A commit and what is typed of it."""

    commit: Commit
    added: Sequence[tuple[str, Addition]]
    """By the path that the file has after the commit."""


def try_commits(config: TryConfig, servers: Sequence[ReplayConfig], watch: Watch) -> Trial:
    """Types the last commits with each server, each commit with servers of its own.

    Raises BenchError where the repository cannot be read, has nothing to type, or a server fails.
    """
    clock = Clock(config, servers)
    repository = open_repository(config.repository)
    commits = last_commits(repository, config.looked_at)
    typed: list[TypedCommit] = []
    left_out: list[str] = []
    name = repository_name(repository)
    with TemporaryDirectory(prefix="lory-try-") as place:
        outside = Path(place).resolve()  # started in the repository, Python would import its files
        state = StateFolder(repository, outside / "try" / name)
        for chosen in choose_commits(repository, commits, config, left_out):
            if len(typed) == config.commits or not clock.has_time():
                break
            digest = chosen.commit.digest
            watch(digest[:10], max(clock.share, len(typed) / config.commits))
            try:
                state.change_to(chosen.commit.parent)
            except BenchError as exc:
                left_out.append(f"{digest[:10]}: {exc}")
                continue
            records = clock.type_all(plans_of(chosen, state.root), outside)
            typed.append(TypedCommit(digest, chosen.commit.parent, records))
    if not typed:
        raise nothing_to_type(repository, len(commits), left_out)
    looked_at = len(commits)
    if clock.is_over or len(typed) == config.commits:
        looked_at = [commit.digest for commit in commits].index(typed[-1].digest) + 1
    return Trial(name, tuple(typed), looked_at, clock.is_over, tuple(left_out), clock.seconds)


class Clock:
    """What is typed, as long as there is time for it."""

    def __init__(self, config: TryConfig, servers: Sequence[ReplayConfig]) -> None:
        self._config, self._servers = config, servers
        self._began = monotonic()
        self._spent = [0.0] * len(servers)
        self._last = [0.0] * len(servers)
        self.is_over = False
        """Whether there was no time for a further commit."""

    @property
    def seconds(self) -> float:
        """Since the start."""
        return monotonic() - self._began

    @property
    def share(self) -> float:
        """Of the time, what is over."""
        return min(1.0, self.seconds / self._config.seconds)

    def has_time(self) -> bool:
        """Whether a commit that takes as long as the last one would be done in time."""
        coming = sum(
            last for number, last in enumerate(self._last) if not self._had_its_share(number)
        )
        self.is_over = 0 < coming > self._config.seconds - self.seconds
        return not self.is_over

    def type_all(self, plans: Sequence[FilePlan], cwd: Path) -> tuple[Records | None, ...]:
        """One commit by each server in turn; None for one that has had its share."""
        return tuple(self._type(number, plans, cwd) for number in range(len(self._servers)))

    def _type(self, number: int, plans: Sequence[FilePlan], cwd: Path) -> Records | None:
        server, began = self._servers[number], self.seconds
        if self._had_its_share(number):
            return None
        (records,) = replay_workspace([Lane(server, plans)], cwd, ignore)
        self._last[number] = self.seconds - began
        self._spent[number] += self._last[number]
        return records

    def _had_its_share(self, number: int) -> bool:
        limit = self._config.menu_share * self._config.seconds
        return self._servers[number].menu and self._spent[number] > limit


def choose_commits(
    repository: Repository, commits: Sequence[Commit], config: TryConfig, left_out: list[str]
) -> Iterator[Chosen]:
    """Commits that added Python, newest first; those that cannot be read add to `left_out`."""
    for commit in commits:
        try:
            changed = changed_files(repository, commit)
        except BenchError as exc:
            left_out.append(f"{commit.digest[:10]}: {exc}")
            continue
        found = [
            (file.path, addition)
            for file in changed
            for addition in additions(file.old, file.new, config.lines)
        ]
        if found:
            random = Random(f"{config.seed} {commit.digest}")
            yield Chosen(commit, choose(found, config.characters, random))


def plans_of(chosen: Chosen, root: Path) -> list[FilePlan]:
    """A plan for each file of a commit."""
    by_path: dict[str, list[Addition]] = {}
    for path, addition in chosen.added:
        by_path.setdefault(path, []).append(addition)
    return [
        FilePlan(
            SourceFile(root=root, path=path, text=found[0].before), (), (), additions=tuple(found)
        )
        for path, found in by_path.items()
    ]


def repository_name(repository: Repository) -> str:
    """The name of the folder that a repository is in, or of a bare one."""
    folder = repository.git_dir
    return folder.parent.name if folder.name == ".git" else folder.name.removesuffix(".git")


def nothing_to_type(repository: Repository, looked_at: int, left_out: Sequence[str]) -> BenchError:
    """The error for a repository of which no commit could be typed."""
    if left_out:
        return BenchError(
            f"expected commits of {repository.git_dir} that can be read, found none of "
            f"{looked_at}; the newest: {left_out[0]}"
        )
    return BenchError(
        f"expected Python that the last {looked_at} commits have added, found none; "
        "try another repository, or look further back with --look-at"
    )


def ignore(_name: str) -> None:
    """Progress is told by commits."""
