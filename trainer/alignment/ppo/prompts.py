"""Prompts for rollouts: cursors in files, holes of problems, openings of texts.

At a cursor, and at the hole of a problem, the prompt is laid out as it is served. The partial token
that the prompt leaves out belongs to the completion here, so rollouts need no token healing. An
opening is the beginning of a text, which the rollout continues.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from lsp_server.contract.prompt import Budget, Sentinel, build, decode, encode, plain
from lsp_server.engines import StopReason
from trainer.alignment.rewards.protocol import Completion
from trainer.corpus.document import Document
from trainer.errors import CorpusError
from trainer.tasks.cursors import Cursor, draw_documents, sample_cursors
from trainer.tasks.problems import Problem, load_problems, seeded_number

HELD_OUT_EVERY = 5
"""One program in so many is measured on."""

FEWEST_PROGRAMS = 2

LINE_END_CHARACTERS = 200
"""Of what follows a line, enough for its line end with the next line's indentation."""


@dataclass(frozen=True, slots=True)
class RolloutPrompt:
    """A prompt, and the file that its completion is to be seen in."""

    ids: tuple[int, ...]
    path: str
    prefix: str
    """All that stands before the completion."""
    truth: str
    """What a person went on with, to the end of the line; "" where nobody asks for that."""
    suffix: str
    repo: str
    lead: str = ""
    """Of the truth, what stands before the cursor where the user sees it."""
    truth_ids: tuple[int, ...] = ()
    """The truth's tokens, up to and with the one that ends its line."""
    tests: str = ""
    """Of a problem: what the finished program has to pass."""

    def completed(self, text: str, stop: StopReason) -> Completion:
        """A completion of this prompt, in place."""
        return Completion(
            path=self.path,
            prefix=self.prefix,
            text=text,
            suffix=self.suffix,
            truth=self.truth,
            stop=stop,
            tests=self.tests,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptsWanted:
    """Which prompts to draw."""

    count: int
    longest_document: int
    """Characters; longer documents are left out, since a reward may read them whole."""
    documents: int
    """Documents at most."""
    seed: int


def cursor_prompts(
    folder: Path, tokenizer: Tokenizer, budget: Budget, wanted: PromptsWanted
) -> list[RolloutPrompt]:
    """Prompts at cursors in lines of code, `wanted.count` or as many as the documents have.

    Raises CorpusError where there are none.
    """
    cursors = sample_cursors(short_documents(folder, wanted), wanted.count, wanted.seed)
    if not cursors:
        raise CorpusError(
            f"expected documents with code of at most {wanted.longest_document} characters in "
            f"{folder}, found none; widen the sources, or raise ppo.longest_document"
        )
    return [cursor_prompt(tokenizer, cursor, budget) for cursor in cursors]


def cursor_prompt(tokenizer: Tokenizer, cursor: Cursor, budget: Budget) -> RolloutPrompt:
    """The served prompt at a cursor."""
    prompt = build(tokenizer, cursor.path, cursor.prefix, cursor.suffix, budget)
    prefix = cursor.prefix.removesuffix(prompt.heal)
    truth = prompt.heal + cursor.truth
    truth_ids = line_ids(tokenizer, truth, cursor.suffix)
    return RolloutPrompt(
        ids=prompt.ids,
        path=cursor.path,
        prefix=prefix,
        truth=truth,
        suffix=cursor.suffix,
        repo=cursor.repo,
        lead=prompt.heal,
        truth_ids=truth_ids,
    )


def line_ids(tokenizer: Tokenizer, line: str, after: str) -> tuple[int, ...]:
    """Ids of a line's rest and of what ends it: the token that begins the text after it.

    The end token where nothing comes after.
    """
    ids, end = encode(tokenizer, line), encode(tokenizer, after[:LINE_END_CHARACTERS])[:1]
    return (*ids, *(end or [int(Sentinel.END)]))


def problem_prompts(
    files: Sequence[str],
    tokenizer: Tokenizer,
    budget: Budget,
    wanted: PromptsWanted,
    *,
    heldout: bool,
) -> list[RolloutPrompt]:
    """Prompts at the holes of problems with tests, `wanted.count` or as many as the files have.

    A fifth of the programs, drawn by hash, is held out with all their holes. Raises SourceError for
    a file that is no set of problems, CorpusError for too few of them.
    """
    problems = [problem for file in files for problem in load_problems(file, 0, wanted.seed)]
    programs = {problem.origin for problem in problems}
    if len(programs) < FEWEST_PROGRAMS:
        raise CorpusError(
            f"{', '.join(files)}: expected problems of {FEWEST_PROGRAMS} programs or more, to hold "
            f"some out, found {len(programs)}; give ppo.problems more of them"
        )
    order = sorted(programs, key=lambda program: seeded_number(wanted.seed, program))
    kept_out = set(order[: max(1, len(order) // HELD_OUT_EVERY)])
    chosen = [problem for problem in problems if (problem.origin in kept_out) is heldout]
    random.Random(wanted.seed).shuffle(chosen)
    return [problem_prompt(tokenizer, problem, budget) for problem in chosen[: wanted.count]]


def problem_prompt(tokenizer: Tokenizer, problem: Problem, budget: Budget) -> RolloutPrompt:
    """The served prompt at a problem's hole."""
    prompt = build(tokenizer, "", problem.prompt, problem.suffix, budget)
    return RolloutPrompt(
        ids=prompt.ids,
        path="",
        prefix=problem.prompt.removesuffix(prompt.heal),
        truth="",
        suffix=problem.suffix,
        repo=problem.origin,
        lead=prompt.heal,
        tests=problem.tests,
    )


def opening_prompts(
    folder: Path, tokenizer: Tokenizer, tokens: tuple[int, int], wanted: PromptsWanted
) -> list[RolloutPrompt]:
    """Prompts with the first `tokens` (from, to) of each document, their number drawn by seed.

    Raises CorpusError where there are no documents.
    """
    rng = random.Random(wanted.seed)
    prompts = [
        opening_prompt(tokenizer, document, rng.randint(*tokens))
        for document in short_documents(folder, wanted)
    ]
    if not prompts:
        raise CorpusError(f"expected documents in {folder}, found none; widen the sources")
    return prompts[: wanted.count]


def opening_prompt(tokenizer: Tokenizer, document: Document, tokens: int) -> RolloutPrompt:
    """A document's first tokens as a left-to-right prompt without a path."""
    ids = encode(tokenizer, document.text)[:tokens]
    opening = decode(tokenizer, ids)
    return RolloutPrompt(tuple(plain([], ids)), document.path, opening, "", "", document.repo)


def short_documents(folder: Path, wanted: PromptsWanted) -> list[Document]:
    """The documents to start in, repositories taking turns, without those that are too long."""
    drawn = draw_documents(folder, wanted.documents, wanted.seed)
    return [document for document in drawn if len(document.text) <= wanted.longest_document]


def deal(prompts: Sequence[RolloutPrompt], iteration: int, count: int) -> list[RolloutPrompt]:
    """The prompts of an iteration (from 0); they start over at the end."""
    first = iteration * count
    return [prompts[place % len(prompts)] for place in range(first, first + count)]


def in_place(
    prompts: Sequence[RolloutPrompt], texts: Sequence[str], stops: Sequence[StopReason]
) -> list[Completion]:
    """Texts seen in their files; those of a prompt stand next to each other, as many for each."""
    each_prompt = repeat(prompts, len(texts) // len(prompts))
    written = zip(each_prompt, texts, stops, strict=True)
    return [prompt.completed(text, stop) for prompt, text, stop in written]


def repeat(prompts: Iterable[RolloutPrompt], copies: int) -> list[RolloutPrompt]:
    """Each prompt once for each of its rollouts."""
    return [prompt for prompt in prompts for _ in range(copies)]
