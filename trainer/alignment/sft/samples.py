"""Makes prompts and answers for supervised fine-tuning from real code.

What is asked for in words, a docstring's body or a comment's code, is laid out in one of three
ways, drawn by seed: left to right; as the server would ask in that file, with what stands below;
or alone, as the prefix of an otherwise empty file, which `lory complete --prompt` asks. What is
asked for at a cursor in code is always laid out as the server would.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer

from lsp_server.contract.prompt import Prompt, Sentinel, budget_for, build, encode, left_to_right
from trainer.alignment.config import SftConfig
from trainer.corpus.document import Document
from trainer.runtime.progress import watch
from trainer.tasks.code_sites import CodeSite, SampleKind, find_code_sites
from trainer.tasks.cursors import draw_documents

Layout = Literal["plain", "file", "alone"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One prompt and its answer."""

    kind: SampleKind
    layout: Layout
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    """What the loss is on; the end token last, where the answer has an end."""
    repo: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """Samples, and how many places had too long an answer, by kind."""

    samples: list[Sample]
    too_long: Counter[str]


class Sampler:
    """Makes samples by one tokenizer and one configuration."""

    def __init__(self, tokenizer: Tokenizer, config: SftConfig) -> None:
        self._tokenizer, self._config = tokenizer, config
        self._budget = replace(budget_for(config.context), completion=config.answer_tokens)

    def collect(self, folder: Path, count: int, label: str) -> Drawn:
        """At most `count` samples of a folder's documents, the kinds in equal numbers.

        Repositories take turns, then their documents, at most one for each sample. The same
        documents in any order give the same samples.
        """
        config = self._config
        turns = draw_documents(folder, count, config.loop.seed)
        wanted = -(-count // len(config.kinds))
        found: dict[str, list[Sample]] = defaultdict(list)
        too_long: Counter[str] = Counter()
        for document in watch(turns, label, len(turns)):
            lacking = [kind for kind in config.kinds if len(found[kind]) < wanted]
            if not lacking:
                break
            for kind in lacking:
                found[kind] += self._of_document(document, kind, too_long)
        kept = [sample for kind in config.kinds for sample in found[kind][:wanted]]
        return Drawn(kept, too_long)

    def _of_document(
        self, document: Document, kind: SampleKind, too_long: Counter[str]
    ) -> list[Sample]:
        """The samples of one kind that a document gives."""
        rng = random.Random(f"{self._config.loop.seed} {kind} {document.id}")
        samples: list[Sample] = []
        for place in find_code_sites(document.text, kind, rng):
            sample = self.lay_out(place, document, draw_layout(place, rng))
            if len(sample.answer) > self._config.answer_tokens:
                too_long[kind] += 1
                continue
            samples.append(sample)
            if len(samples) == self._config.per_document:
                break
        return samples

    def lay_out(self, place: CodeSite, document: Document, layout: Layout) -> Sample:
        """A place as a sample; its answer may be longer than the configuration allows."""
        prompt = self._prompt(place, document.path, layout)
        answer = encode(self._tokenizer, prompt.heal + place.truth)
        ending = [Sentinel.END] if place.closes else []
        ids = tuple(int(token) for token in (*answer, *ending))
        return Sample(place.kind, layout, tuple(map(int, prompt.ids)), ids, document.repo)

    def _prompt(self, place: CodeSite, path: str, layout: Layout) -> Prompt:
        if layout == "plain":
            room = replace(self._budget, suffix=0)
            return left_to_right(self._tokenizer, path, place.prefix, room)
        if layout == "alone":
            return build(self._tokenizer, "", place.prefix[place.opening :], "", self._budget)
        return build(self._tokenizer, path, place.prefix, place.suffix, self._budget)


def draw_layout(place: CodeSite, rng: random.Random) -> Layout:
    """How a place is laid out; alone only what begins at the left margin."""
    if place.kind in ("line", "block"):
        return "file"
    layouts: list[Layout] = ["plain", "file"]
    before, opening = place.prefix[: place.opening], place.prefix[place.opening :]
    if (not before or before[-1] in "\r\n") and not opening[:1].isspace():
        layouts.append("alone")
    return rng.choice(layouts)


def count_samples(samples: Iterable[Sample]) -> dict[str, dict[str, int]]:
    """Samples by kind and layout."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        table[sample.kind][sample.layout] += 1
    return {kind: dict(layouts) for kind, layouts in table.items()}
