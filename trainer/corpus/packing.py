"""Stage `packing`: turns the split corpus into blocks of token ids.

epoch-000.u16, ...   training blocks; every epoch has its own order, cuts and layouts
heldout.u16          held-out blocks, plain layout with paths
heldout_bytes.npy    UTF-8 bytes of source text that each held-out block stands for
packing.json         sizes and shares, for the stages that read the above
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lsp_server.contract.prompt import load_tokenizer
from lsp_server.contract.records import write_record
from trainer.corpus.blocks.block_file import BlockWriter, shuffle_rows
from trainer.corpus.blocks.segments import Segment, Segmenter
from trainer.corpus.blocks.text_store import TextStore
from trainer.corpus.config import PackingConfig
from trainer.errors import CorpusError
from trainer.runtime.progress import watch
from trainer.runtime.run_folder import Inputs

BATCH_DOCUMENTS = 1024
"""Documents tokenized at a time; bounds memory."""

OPEN_BLOCKS = 256
"""Unfilled blocks carried from one batch of documents to the next."""

HELDOUT_EPOCH = 1_000_000
"""Stands for the epoch in the seed of the held-out order, where no training epoch has it."""


def run(config: PackingConfig, inputs: Inputs, out: Path) -> None:
    """Pack every epoch and the held-out split into `out`.

    Raises CorpusError where one of the two splits has no text.
    """
    tokenizer_file = inputs["tokenizer"] / "tokenizer.json"
    segmenter = Segmenter(load_tokenizer(tokenizer_file), config)
    report: dict[str, Any] = {
        "block_tokens": config.block_tokens,
        "tokenizer_sha256": hashlib.sha256(tokenizer_file.read_bytes()).hexdigest(),
        "vocabulary": segmenter.tokenizer.get_vocab_size(),
    }
    with TextStore(inputs["dedup"] / "train", out / "train.texts") as texts:
        report["epochs"] = [
            pack(segmenter, texts, out / f"epoch-{epoch:03d}.u16", epoch, config.max_train_tokens)
            for epoch in range(config.epochs)
        ]
    plain = replace(config, fim_rate=0.0, path_rate=1.0)
    with TextStore(inputs["dedup"] / "heldout", out / "heldout.texts") as texts:
        report["heldout"] = pack(
            Segmenter(segmenter.tokenizer, plain),
            texts,
            out / "heldout.u16",
            HELDOUT_EPOCH,
            config.heldout_tokens,
        )
    write_record(out / "packing.json", report)


def pack(
    segmenter: Segmenter, texts: TextStore, target: Path, epoch: int, max_tokens: int
) -> dict[str, Any]:
    """Write the blocks of one epoch in a fresh order; gives its figures for the report."""
    config = segmenter.config
    unshuffled = target.with_suffix(".partial")
    orders: Counter[str] = Counter()
    with unshuffled.open("wb") as file:
        writer = BlockWriter(file, config.block_tokens)
        batches = segment_batches(segmenter, texts, epoch)
        total = -(-len(texts) // BATCH_DOCUMENTS)
        for segments in watch(batches, f"packing {target.stem}", total=total):
            kept = within(segments, max_tokens - writer.tokens) if max_tokens else segments
            writer.add(kept)
            orders.update(segment.order for segment in kept)
            writer.close_blocks(keep=OPEN_BLOCKS)
            if max_tokens and writer.tokens >= max_tokens:
                break
        writer.close_blocks(keep=0)
    if not writer.rows:
        raise CorpusError(
            f"{target.stem}: expected documents with text in its split, found none; "
            "widen the sources, or raise dedup.heldout_share"
        )
    order = np.random.default_rng([config.seed, epoch]).permutation(writer.rows)
    shuffle_rows(unshuffled, target, config.block_tokens, order)
    if epoch == HELDOUT_EPOCH:
        np.save(target.parent / "heldout_bytes.npy", np.array(writer.text_bytes)[order])
    return {
        "rows": writer.rows,
        "tokens": writer.tokens,
        "text_bytes": sum(writer.text_bytes),
        "padding_share": round(1 - writer.tokens / (writer.rows * config.block_tokens), 5),
        "segments": dict(sorted(orders.items())),
    }


def segment_batches(segmenter: Segmenter, texts: TextStore, epoch: int) -> Iterator[list[Segment]]:
    """Segments of all documents in the epoch's order; seed, epoch and document decide every cut."""
    seed = segmenter.config.seed
    order = np.random.default_rng([seed, epoch]).permutation(len(texts))
    for start in range(0, len(order), BATCH_DOCUMENTS):
        numbers = order[start : start + BATCH_DOCUMENTS].tolist()
        rngs = [np.random.default_rng([seed, epoch, number]) for number in numbers]
        yield segmenter.segments([(texts.path(n), texts.text(n)) for n in numbers], rngs)


def within(segments: list[Segment], tokens: int) -> list[Segment]:
    """The first segments, up to and with the one that reaches `tokens` in all."""
    total = 0
    for count, segment in enumerate(segments, start=1):
        total += len(segment.ids)
        if total >= tokens:
            return segments[:count]
    return segments
