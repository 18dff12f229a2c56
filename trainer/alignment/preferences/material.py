"""What preference sources draw on: cursors, samples, the held-out split."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from lsp_server.contract.languages.extents import extent_at
from lsp_server.contract.prompt import Parts, budget_for, build, load_tokenizer
from lsp_server.contract.stopping import next_line, rule_for
from lsp_server.engines import Candidate, Limits, StopReason
from trainer.alignment.config import PreferencesConfig
from trainer.runtime.run_folder import Inputs
from trainer.tasks.code_sites import MAX_LINES, CodeSite, SampleKind, find_code_sites
from trainer.tasks.cursors import draw_documents
from trainer.tasks.problems import seeded_number
from trainer.tasks.subject import Subject

KINDS: tuple[SampleKind, ...] = ("line", "block")
PER_DOCUMENT = 4
"""Cursors of each kind in one document at most, unless there are too few documents."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A cursor in a document, and what a person wrote there."""

    prompt: Parts
    truth: str
    repo: str
    heldout: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How completions are drawn."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 48


class Material:
    """The folders of finished stages, the policy that they left, and what is held out."""

    def __init__(self, config: PreferencesConfig, inputs: Inputs, out: Path) -> None:
        self.config, self.inputs, self.out = config, inputs, out
        self._subject: Subject | None = None
        self._drawn: dict[tuple[Parts, Manner, int], Candidate] = {}

    def is_heldout(self, group: str) -> bool:
        """Whether a prompt or problem is for measuring alone, by hash."""
        hashed = hashlib.sha256(f"{self.config.seed}\0{group}".encode()).digest()
        return int.from_bytes(hashed[:8], "big") / 2**64 < self.config.heldout_share

    def ask(self, count: int, longest: int) -> list[Asked]:
        """At most `count` cursors in documents to train on, and a share of that in held-out ones.

        Documents of more than `longest` characters are left out.
        """
        held = max(1, round(count * self.config.heldout_share))
        return [
            asked
            for split, wanted in (("train", count - held), ("heldout", held))
            for asked in self._places(split, wanted, longest)
        ]

    def _places(self, split: str, count: int, longest: int) -> list[Asked]:
        """Cursors in the documents of one split, the kinds in turn."""
        found: list[Asked] = []
        drawn = draw_documents(self.inputs["dedup"] / split, count, self.config.seed)
        documents = [document for document in drawn if len(document.text) <= longest]
        share = -(-count // (max(1, len(documents)) * len(KINDS)))
        for document in documents:
            for kind in KINDS:
                rng = random.Random(f"{self.config.seed} {kind} {document.id}")
                places = find_code_sites(document.text, kind, rng)
                for _, place in zip(range(max(share, PER_DOCUMENT)), places, strict=False):
                    found.append(asked_at(place, document.path, document.repo, split))
        random.Random(self.config.seed).shuffle(found)
        return found[:count]

    @property
    def subject(self) -> Subject:
        """The newest weights as an engine, with tokenizer and prompt budget."""
        if self._subject is None:
            self._subject = open_policy(self.inputs, self.out)
        return self._subject

    def complete(self, asked: Asked, manner: Manner, number: int) -> Candidate:
        """The policy's sample of a number at a cursor, ended as the server ends it; drawn once."""
        key = asked.prompt, manner, number
        if key not in self._drawn:
            self._drawn[key] = self._complete(asked.prompt, manner, number)
        return self._drawn[key]

    def _complete(self, parts: Parts, manner: Manner, number: int) -> Candidate:
        subject = self.subject
        prompt = build(subject.tokenizer, parts.path, parts.prefix, parts.suffix, subject.budget)
        extent = extent_at("python", parts.prefix, parts.suffix)
        limits = Limits(
            max_tokens=min(manner.max_tokens, subject.budget.completion),
            stop=rule_for(extent, MAX_LINES, next_line(parts.suffix)),
            temperature=manner.temperature,
            top_p=manner.top_p,
            seed=seeded_number(self.config.seed, parts.path, parts.prefix, number),
        )
        found = subject.engine.complete(prompt, limits, Event())
        return found[0] if found else Candidate((), (), StopReason.UNLIKELY)


def asked_at(place: CodeSite, path: str, repo: str, split: str) -> Asked:
    """A place as a cursor."""
    parts = Parts(path=path, prefix=place.prefix, suffix=place.suffix)
    return Asked(parts, place.truth, repo, split == "heldout")


def open_policy(inputs: Inputs, out: Path) -> Subject:
    """The engine on a float32 graph of the newest weights, written to `out`."""
    import onnx

    from lsp_server.engines.onnx import open_engine
    from trainer.export.graph.decoders import build_decoder
    from trainer.model.networks import load, newest_weights

    weights = newest_weights(inputs)
    model = load(weights).float().eval()
    graph = out / "policy.onnx"
    onnx.save(build_decoder(model, "fp32"), graph)
    tokenizer = load_tokenizer(weights / "tokenizer.json")
    engine = open_engine(graph, tokenizer, threads=1)
    return Subject(engine, tokenizer, budget_for(model.config.max_position_embeddings))
