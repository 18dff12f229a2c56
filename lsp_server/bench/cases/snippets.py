"""Everyday places in a file that stands alone in an empty project: is what is shown there right?

Nothing but the file says what comes next, so this tells what a model has learned of a language and
its libraries. The places lie in `snippets-LANGUAGE.txt`: a title, the text with its cursor, and
what may follow there; after an ellipsis anything may.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from lsp_server.bench.client.editor import EditorSession
from lsp_server.bench.client.handshake import Workspace, initialize
from lsp_server.bench.client.lsp_client import LspClient
from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.replay.readiness import wait_until_ready
from lsp_server.bench.texts.files import SourceFile
from lsp_server.contract.languages.profiles import profile_of
from lsp_server.errors import BenchError

HERE = Path(__file__).parent
PREFIX, SUFFIX = "snippets-", ".txt"
CASE, ANSWERS, OR = "== ", "right", "or"
CURSOR, ANYTHING = "¦", "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One place."""

    title: str
    language: str
    before: str
    after: str
    right: tuple[str, ...]
    """What may follow the cursor."""


class Verdict(StrEnum):
    """What is thought of what is shown."""

    RIGHT = "right"
    """All of it may stand there; more may follow."""
    WRONG = "wrong"
    NOTHING = "nothing"
    """Nothing is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What was shown at a place."""

    title: str
    language: str
    text: str
    verdict: Verdict


def languages() -> list[str]:
    """That there are snippets in."""
    return sorted(
        path.name.removeprefix(PREFIX).removesuffix(SUFFIX)
        for path in HERE.glob(f"{PREFIX}*{SUFFIX}")
    )


def read_snippets(language: str) -> list[Snippet]:
    """The places of a language; BenchError where there are none."""
    if language not in languages():
        raise BenchError(f"expected one of {', '.join(languages())}, found {language!r}")
    text = (HERE / f"{PREFIX}{language}{SUFFIX}").read_text(encoding="utf-8")
    return [read_case(case, language) for case in f"\n{text}".split(f"\n{CASE}")[1:]]


def read_case(case: str, language: str) -> Snippet:
    """A place in its written form; BenchError where a part is missing."""
    title, _, rest = case.rstrip("\n").partition("\n")
    code, found, answers = rest.partition(f"\n{ANSWERS}\n")
    if not found or code.count(CURSOR) != 1:
        raise BenchError(
            f"snippet {title!r}: expected code with one {CURSOR}, the line {ANSWERS!r} and what "
            "may follow, found another"
        )
    before, _, after = code.partition(CURSOR)
    return Snippet(
        title=title,
        language=language,
        before=before,
        after=f"{after}\n",
        right=tuple(answers.split(f"\n{OR}\n")),
    )


def judge(text: str, right: Sequence[str]) -> Verdict:
    """What is thought of a shown text, beside what may follow."""
    if not text.strip():
        return Verdict.NOTHING
    fits = any(agrees(text.rstrip(), answer) for answer in right)
    return Verdict.RIGHT if fits else Verdict.WRONG


def agrees(text: str, answer: str) -> bool:
    """Whether a text is an answer's beginning or, after an ellipsis, goes on from it."""
    stem, is_open, _ = answer.partition(ANYTHING)
    return stem.startswith(text) or (bool(is_open) and text.startswith(stem.rstrip()))


def show_at(config: ReplayConfig, root: Path, snippets: Sequence[Snippet]) -> Iterator[Shown]:
    """What the configuration's server shows at each place, as one types, in the folder `root`."""
    files = [source_file(snippet, root) for snippet in snippets]
    with LspClient(config.command, root, configuration=config.options) as client:
        workspace = Workspace(root=root, options=config.options)
        facts = initialize(client, workspace, config.start_timeout)
        session = EditorSession(client, facts, config)
        wait_until_ready(session, files)
        for snippet, file in zip(snippets, files, strict=True):
            session.open(file)
            offers = session.ask(len(snippet.before)).offers
            session.close()
            text = offers[0].text if offers else ""
            yield Shown(
                title=snippet.title,
                language=snippet.language,
                text=text,
                verdict=judge(text, snippet.right),
            )


def source_file(snippet: Snippet, root: Path) -> SourceFile:
    """A place's file as an editor opens it."""
    suffix = profile_of(snippet.language).suffixes[0]
    text = snippet.before + snippet.after
    return SourceFile(root=root, path=f"example{suffix}", text=text, language=snippet.language)


def count_verdicts(shown: Sequence[Shown]) -> dict[str, Counter[Verdict]]:
    """How many of each, by language."""
    counts: dict[str, Counter[Verdict]] = {}
    for one in shown:
        counts.setdefault(one.language, Counter(dict.fromkeys(Verdict, 0)))[one.verdict] += 1
    return counts


def as_json(shown: Sequence[Shown]) -> dict[str, Any]:
    """All of it, for programs."""
    counts = count_verdicts(shown)
    return {"counts": counts, "shown": [asdict(one) for one in shown]}
