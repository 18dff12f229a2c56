"""Compares precisions of a bundle: quality, size and speed.

    python -m trainer.export.precisions BUNDLE --files CHECKOUTS --cursors 300

Every precision rounds the floats that the bundle's codes stand for. CHECKOUTS holds repositories as
`owner/name`, which should be held out. All precisions take turns, cursor by cursor.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import get_args

import onnx
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import Bundle, load
from lsp_server.contract.canonical import canonical_text
from lsp_server.contract.languages.profiles import is_named_as, language_of
from lsp_server.contract.prompt import Budget, budget_for, encode, load_tokenizer
from lsp_server.engines import Engine
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.onnx import open_engine
from lsp_server.engines.prompt_cache import PREFILL_TOKENS
from trainer.corpus.document import Document, document_id
from trainer.export.graph.builder import Precision, Quantization
from trainer.export.graph.decoders import build_graph
from trainer.export.graph.weights import read_weights
from trainer.tasks.cursors import Cursor, sample_cursors
from trainer.tasks.line_completion import LineMatch, match_line

PRECISIONS: tuple[Precision, ...] = ("fp32", *get_args(Quantization))
PROMPT_TOKENS, NEW_TOKENS, ROUNDS = 512, 32, 12


@dataclass(slots=True)
class Candidate:
    """One precision and what was measured of it."""

    precision: Precision
    size: int
    """Bytes of the graph."""
    engine: Engine
    decoder: OnnxDecoder
    matches: list[LineMatch] = field(default_factory=list)
    prefills: list[float] = field(default_factory=list)
    """Seconds for a prompt of PROMPT_TOKENS."""
    steps: list[float] = field(default_factory=list)
    """Seconds for a token after it."""


def read_checkouts(root: Path, languages: tuple[str, ...]) -> list[Document]:
    """Every file of some languages below `root/owner/name`."""
    found = (path for path in root.glob("*/*/**/*") if is_named_as(languages, path.as_posix()))
    paths = sorted(path for path in found if path.is_file())
    documents = []
    for path in paths:
        owner, name, *inner = path.relative_to(root).parts
        text = path.read_text(encoding="utf-8", errors="replace")
        text = canonical_text(text, language_of(path.name))
        repo = f"{owner}/{name}"
        documents.append(Document(document_id(text), "files", repo, "/".join(inner), "", "", text))
    return documents


def open_candidates(bundle: Bundle, tokenizer: Tokenizer, folder: Path) -> list[Candidate]:
    """A graph and an engine for each precision, on one thread."""
    weights = read_weights(bundle.model_path)
    candidates = []
    for precision in PRECISIONS:
        path = folder / f"{precision}.onnx"
        onnx.save(build_graph(weights, precision), path)
        engine = open_engine(path, tokenizer, threads=1)
        decoder = OnnxDecoder(open_session(path, threads=1))
        candidates.append(Candidate(precision, path.stat().st_size, engine, decoder))
    return candidates


def complete_lines(
    candidates: Sequence[Candidate], tokenizer: Tokenizer, cursors: Sequence[Cursor], budget: Budget
) -> None:
    """Let each candidate complete each line."""
    for cursor in cursors:
        for one in candidates:
            match = match_line(one.engine, tokenizer, cursor, with_suffix=True, budget=budget)
            one.matches.append(match)


def take_times(candidates: Sequence[Candidate], ids: Sequence[int]) -> None:
    """Let each candidate read `ids` and write, in turns."""
    for _ in range(ROUNDS):
        for one in candidates:
            start = perf_counter()
            for at in range(0, len(ids), PREFILL_TOKENS):
                logits_TV = one.decoder.forward(ids[at : at + PREFILL_TOKENS], at)
            one.prefills.append(perf_counter() - start)
            for at in range(len(ids), len(ids) + NEW_TOKENS):
                start = perf_counter()
                token = int(logits_TV[-1].argmax())
                logits_TV = one.decoder.forward([token], at)
                one.steps.append(perf_counter() - start)


def as_markdown(candidates: Sequence[Candidate]) -> str:
    """One row for each candidate."""
    header = (
        f"| precision | MB | exact match | edit similarity | same text as {PRECISIONS[0]} "
        f"| prefill of {PROMPT_TOKENS}, ms | token, ms |\n|---|---|---|---|---|---|---|"
    )
    texts = [match.text for match in candidates[0].matches]
    rows = [
        f"| {one.precision} | {one.size / 1e6:.1f} "
        f"| {mean(match.exact for match in one.matches):.1%} "
        f"| {mean(match.similarity for match in one.matches):.1%} "
        f"| {mean(m.text == text for m, text in zip(one.matches, texts, strict=True)):.1%} "
        f"| {1000 * median(one.prefills):.0f} | {1000 * median(one.steps):.2f} |"
        for one in candidates
    ]
    return "\n".join([header, *rows])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.export.precisions", description=__doc__
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--cursors", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    bundle = load(words.bundle)
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    documents = read_checkouts(words.files, bundle.manifest.languages)
    longest = max((encode(tokenizer, document.text) for document in documents[:50]), key=len)
    with TemporaryDirectory() as folder:
        candidates = open_candidates(bundle, tokenizer, Path(folder))
        take_times(candidates, longest[:PROMPT_TOKENS])
        cursors = sample_cursors(documents, words.cursors, words.seed)
        complete_lines(candidates, tokenizer, cursors, budget_for(bundle.manifest.context))
    parser.exit(message=as_markdown(candidates) + "\n")


if __name__ == "__main__":
    main()
