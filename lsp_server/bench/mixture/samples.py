"""Collects what the model and the project's counts predict for tokens of real files.

Each sample is one token of a block of lines, or of a piece in the middle of one, that is cut out of
its file and read again token by token: what the model, the other files of the project and the rest
of the file give to it.

Shapes: N samples, K rungs of both levels, R rungs of one level.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from random import Random
from threading import Event

import numpy as np
from numpy.typing import NDArray

from lsp_server.bench.replay.blocks import Block, choose_blocks
from lsp_server.bench.replay.gaps import choose_gaps
from lsp_server.bench.texts.files import SourceFile
from lsp_server.completion.model.loading import Model
from lsp_server.contract.canonical import canonical_parts, canonical_text
from lsp_server.contract.languages.profiles import has_grammar, language_of
from lsp_server.contract.prompt import build, encode, load_tokenizer
from lsp_server.contract.recall import LADDER, LONGEST, Levels
from lsp_server.documents.exclusions import Exclusions
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.decoding.sampling import softmax
from lsp_server.engines.mixture import classes, sureness
from lsp_server.engines.prompt_cache import PREFILL_TOKENS, PromptCache
from lsp_server.engines.vocabulary import read_vocabulary
from lsp_server.project.index.kept_ids import keep_ids
from lsp_server.project.index.open_texts import OpenTexts
from lsp_server.project.index.segment import Segment, build_segment
from lsp_server.project.index.view import Part, ProjectView
from lsp_server.project.reading.source_file import read_source
from lsp_server.project.recall import ProjectRecall
from lsp_server.project.walk import Rules, find_files, root_of

RUNGS = len(LADDER)
BLOCK_TOKENS = 128
"""Of a longer block, the first tokens are read."""
REFRESHED = 8
"""Tokens after which the block's own start joins the file's counts, as while one types."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Tokens and what was known of each before it came."""

    model_N: NDArray[np.float64]
    """The model's probability of the token."""
    sure_N: NDArray[np.int64]
    """The class of the model's highest probability."""
    length_NK: NDArray[np.int64]
    """Each rung's place on the ladder; -1 where there is none. The project's rungs come first."""
    seen_NK: NDArray[np.int64]
    agreed_NK: NDArray[np.int64]
    """Classes of the rungs, see `mixture.classes`."""
    share_NK: NDArray[np.float64]
    """The share of each rung's counts that the token has."""
    project_N: NDArray[np.int64]
    """Number of the project that the token comes from."""

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Samples":
        """Some of the samples, by a mask or by their numbers."""
        return Samples(*(getattr(self, name)[chosen] for name in self.__slots__))


class OtherFiles:
    """The source files of one workspace, of which any one can be left out."""

    def __init__(self, root: Path, tokenizer: object, rules: Rules) -> None:
        self._paths = list(find_files([root_of(str(root))], rules))
        texts = ((path, read_source(path)) for path in self._paths)
        self._segment: Segment = build_segment(
            (at, keep_ids(self._encode(tokenizer, path, text)))
            for at, (path, text) in enumerate(texts)
            if text is not None
        )

    def _encode(self, tokenizer: object, path: str, text: str) -> list[int]:
        return encode(tokenizer, canonical_text(text, language_of(path)))  # type: ignore[arg-type]

    def view(self, without: SourceFile) -> ProjectView:
        """All files but one."""
        left_out = (without.root.resolve() / without.path).as_posix()
        numbers = self._segment.digests.tolist()
        answers = np.array([self._paths[number] != left_out for number in numbers], np.bool_)
        return ProjectView((Part(self._segment, answers),), OpenTexts(()))


def rules_for(files: Sequence[SourceFile]) -> Rules:
    """All files of the languages of some."""
    return Rules(tuple(sorted({file.language for file in files})), Exclusions(()))


def by_workspace(files: Iterable[SourceFile]) -> Iterable[tuple[Path, list[SourceFile]]]:
    """Each workspace with its files."""
    ordered = sorted(files, key=lambda file: (file.root, file.path))
    return ((root, list(group)) for root, group in groupby(ordered, key=lambda file: file.root))


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece that is cut out of its file, and what is known of it before any model reads it."""

    file: str
    project: int
    """Its number among the workspaces."""
    prompt: tuple[int, ...]
    ids: list[int]
    """Of the piece."""
    levels: list[Levels]
    """What the counts say before each of `ids`."""


def gather(
    model: Model, files: Sequence[SourceFile], blocks: int, seed: int, watch: Callable[[str], None]
) -> Iterator[Passage]:
    """Passages at the `places` of each file; of the model, tokenizer and budget alone count."""
    budget = replace(model.budget, heal=False, completion=BLOCK_TOKENS)
    for project, (root, group) in enumerate(by_workspace(files)):
        others = OtherFiles(root, model.tokenizer, rules_for(group))
        for file in group:
            view = others.view(file)
            for block in places(file, blocks, Random(f"{seed} {file.name} fit")):
                end = block.start + len(block.text)
                around = file.text[: block.start], file.text[end:]
                prefix, suffix, [text] = canonical_parts(*around, [block.text], file.language)
                prompt = build(model.tokenizer, file.path, prefix, suffix, budget)
                ids = encode(model.tokenizer, text)[:BLOCK_TOKENS]
                before, after = encode(model.tokenizer, prefix), encode(model.tokenizer, suffix)
                levels = list(count_ahead(ids, before, after, view))
                yield Passage(file.name, project, prompt.ids, ids, levels)
            watch(file.name)


def count_ahead(
    ids: list[int], before: list[int], after: list[int], others: ProjectView
) -> Iterator[Levels]:
    """What the counts say before each of `ids`, which stand between `before` and `after`."""
    for at in range(len(ids)):
        if at % REFRESHED == 0:
            recall = ProjectRecall([*before, *ids[:at]], after, others)
        yield recall.levels([*before[-LONGEST:], *ids[:at]][-LONGEST:])


class Sampler:
    """Reads passages with one model."""

    def __init__(self, model: Model, threads: int) -> None:
        decoder = OnnxDecoder(open_session(model.bundle.model_path, threads))
        self._cache = PromptCache(decoder, slots=1)
        tokenizer = load_tokenizer(model.bundle.tokenizer_path)
        self._never_written = read_vocabulary(tokenizer).never_written

    def read(self, prompt: Sequence[int], ids: Sequence[int]) -> Iterator[tuple[float, float]]:
        """For each of `ids`: the model's probability of it, and its highest one."""
        for token, logits_V in zip(ids, self._logits(prompt, ids), strict=True):
            logits_V[self._never_written] = -np.inf
            model_V = softmax(logits_V)
            yield float(model_V[token]), float(model_V.max())

    def _logits(self, prompt: Sequence[int], ids: Sequence[int]) -> Iterable[NDArray[np.float32]]:
        """Logits [V] before each of `ids`, which follow the prompt."""
        if not ids:
            return
        self._cache.activate(prompt)
        logits_TV = self._cache.prefill(prompt, (), Event())
        assert logits_TV is not None  # nobody cancels
        yield logits_TV[-1].copy()
        for start in range(0, len(ids) - 1, PREFILL_TOKENS):
            part = ids[start : min(start + PREFILL_TOKENS, len(ids) - 1)]
            yield from self._cache.feed(part, len(part)).copy()


class EvenSampler:
    """Knows nothing, as the engine that has no model."""

    def __init__(self, model: Model) -> None:
        vocabulary = read_vocabulary(load_tokenizer(model.bundle.tokenizer_path))
        self._even = 1 / (len(vocabulary.pieces) - len(vocabulary.never_written))

    def read(self, prompt: Sequence[int], ids: Sequence[int]) -> Iterator[tuple[float, float]]:
        """For each of `ids` its probability, which is the highest one."""
        return ((self._even, self._even) for _ in ids)


def collect(
    model: Model,
    files: Sequence[SourceFile],
    blocks: int,
    seed: int,
    watch: Callable[[str], None],
) -> Samples:
    """Samples at the `places` of each file."""
    sampler = EvenSampler(model) if model.is_alone else Sampler(model, threads=1)
    rows: list[tuple[float, int, Levels, int]] = []
    projects: list[int] = []
    for passage in gather(model, files, blocks, seed, watch):
        said = sampler.read(passage.prompt, passage.ids)
        for (own, highest), levels, token in zip(said, passage.levels, passage.ids, strict=True):
            rows.append((own, sureness(highest), levels, token))
        projects += [passage.project] * len(passage.ids)
    return as_arrays(rows, projects)


def places(file: SourceFile, blocks: int, random: Random) -> list[Block]:
    """Blocks of lines, and for each as many pieces cut out of the middle of lines."""
    found = choose_blocks(file.text, 12, random, file.language)[:blocks]
    if not has_grammar(file.language):
        return found
    gaps = (gap for gap in choose_gaps(file.text, 1, random) if gap.kind.is_in_line)
    pieces = [Block(gap.line, gap.start, gap.cut, frozenset()) for gap in islice(gaps, blocks)]
    return found + pieces


def as_arrays(rows: Sequence[tuple[float, int, Levels, int]], projects: Sequence[int]) -> Samples:
    """The samples in columns."""
    shape = len(rows), 2 * RUNGS
    length, seen, agreed = np.full(shape, -1), np.zeros(shape, int), np.zeros(shape, int)
    share = np.zeros(shape)
    for row, (_, _, levels, token) in enumerate(rows):
        for level, rungs in enumerate(levels):
            for at, rung in enumerate(rungs, start=level * RUNGS):
                length[row, at] = LADDER.index(rung.length)
                seen[row, at], agreed[row, at] = classes(rung)
                share[row, at] = rung.counts.get(token, 0) / sum(rung.counts.values())
    return Samples(
        model_N=np.array([row[0] for row in rows]),
        sure_N=np.array([row[1] for row in rows], int),
        length_NK=length,
        seen_NK=seen,
        agreed_NK=agreed,
        share_NK=share,
        project_N=np.array(projects, int),
    )
