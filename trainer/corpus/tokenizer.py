"""Stage `tokenizer`: trains a byte-level BPE on the training split."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Sequence, Split
from tokenizers.trainers import BpeTrainer

from lsp_server.contract.prompt import SENTINELS, guard_sentinels, load_tokenizer
from lsp_server.contract.records import write_record
from trainer.corpus.config import TokenizerConfig
from trainer.corpus.document import Document, read_canonical
from trainer.errors import CorpusError
from trainer.runtime.bundles import copy_tokenizer
from trainer.runtime.progress import watch

LETTER = r"[\p{L}\p{M}]"
MARK = r"[^\s\p{L}\p{M}\p{N}_]"
"""Punctuation and symbols, the underscore left out: it belongs to names."""

PATTERN = "|".join(
    (
        r"\r?\n[ \t]*",  # a line's end with the next line's indentation, and nothing else
        rf"(?: |{MARK})?_*{LETTER}+",  # a word and what leads it: a space, a dot, underscores
        rf"(?: |{MARK})?_+",
        r" ?\p{N}{1,2}",
        rf" ?{MARK}+",  # `):`, ` ==`, `()`
        r"[^\S\r\n]+(?!\S)",  # a run of spaces leaves the last one to the word behind it
        r"[^\S\r\n]+",
        r"\r",
    )
)
"""Pieces that no merge crosses. Typing on extends the last piece or begins another, so that taking
back the last piece at the cursor leaves the tokens of finished text."""

HELDOUT_BYTES = 20_000_000
"""Held-out text that bytes per token are measured on."""
BATCH = 256
"""Documents encoded at a time."""


def code_pre_tokenizer() -> PreTokenizer:
    """Splits text by PATTERN."""
    split = Split(Regex(PATTERN), behavior="isolated")
    return Sequence([split, ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2_pre_tokenizer() -> PreTokenizer:
    """Splits text by GPT-2's pattern (Radford et al., 2019)."""
    return ByteLevel(add_prefix_space=False, use_regex=True)


def train_tokenizer(
    texts: Iterable[str], vocabulary: int, pre_tokenizer: PreTokenizer
) -> Tokenizer:
    """A byte-level BPE of at most `vocabulary` tokens, the sentinels at their ids."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[AddedToken(text, special=True, normalized=False) for text in SENTINELS],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=sys.stderr.isatty(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return guard_sentinels(tokenizer, "the tokenizer just trained")


def sample_ids(documents: Iterable[Document], limit: int, seed: int) -> set[str]:
    """Ids of documents in an order drawn from `seed`, until their text reaches `limit` bytes."""
    chosen: dict[str, int] = {}
    drawn: list[tuple[int, str]] = []  # a heap whose first is the last in the order
    taken = 0
    for document in documents:
        if document.id in chosen:
            continue
        digest = hashlib.sha256(f"{seed}\0{document.id}".encode()).digest()
        heappush(drawn, (-int.from_bytes(digest), document.id))
        chosen[document.id] = len(document.text.encode())
        taken += chosen[document.id]
        while drawn and taken - chosen[drawn[0][1]] >= limit:
            taken -= chosen.pop(heappop(drawn)[1])
    return set(chosen)


def sampled_texts(folder: Path, chosen: set[str]) -> Iterator[str]:
    """Texts of the chosen documents."""
    return (document.text for document in read_canonical(folder) if document.id in chosen)


def measure(tokenizer: Tokenizer, texts: list[str]) -> float:
    """Bytes of UTF-8 per token over `texts`."""
    batches = (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))
    tokens = sum(
        len(encoding.ids)
        for batch in batches
        for encoding in tokenizer.encode_batch(batch, add_special_tokens=False)
    )
    return sum(len(text.encode()) for text in texts) / max(1, tokens)


def run(config: TokenizerConfig, inputs: Mapping[str, Path], out: Path) -> None:
    """Write `tokenizer.json` and `report.json`; raises CorpusError without a training text."""
    train, heldout = inputs["dedup"] / "train", inputs["dedup"] / "heldout"
    unseen = sample_ids(read_canonical(heldout), HELDOUT_BYTES, config.seed)
    texts = list(sampled_texts(heldout, unseen))
    if config.bundle:
        copy_tokenizer(config.bundle, out / "tokenizer.json")
        report: dict[str, Any] = {"bundle": config.bundle}
    else:
        report = learn(config, train, texts, out / "tokenizer.json")
    tokenizer = load_tokenizer(out / "tokenizer.json")
    report |= {
        "vocabulary": tokenizer.get_vocab_size(),
        "heldout_documents": len(texts),
        "heldout_bytes_per_token": round(measure(tokenizer, texts), 4),
    }
    write_record(out / "report.json", report)


def learn(config: TokenizerConfig, train: Path, texts: list[str], out: Path) -> dict[str, Any]:
    """Train a tokenizer to file `out`; gives what the report says of that.

    `texts`: held-out, to measure GPT-2's pattern on.
    """
    chosen = sample_ids(watch(read_canonical(train), "sample"), config.sample_bytes, config.seed)
    if not chosen:
        raise CorpusError(f"tokenizer: expected documents in {train}, found none; run dedup again")

    def fresh(pre_tokenizer: PreTokenizer) -> Tokenizer:
        return train_tokenizer(sampled_texts(train, chosen), config.vocabulary, pre_tokenizer)

    fresh(code_pre_tokenizer()).save(str(out))
    report: dict[str, Any] = {"sampled_documents": len(chosen)}
    if config.compare_gpt2:
        peer = fresh(gpt2_pre_tokenizer())
        report["heldout_bytes_per_token_gpt2_pattern"] = round(measure(peer, texts), 4)
    return report
