"""Gives a tokenizer of others the ids that Lory wants: sentinels first, then what is never written.

A token keeps its text; only its number changes, and with it the row of the embedding that it reads.
What the vocabulary lacks (a sentinel, a single byte) is added: its row is the mean of the rows of
single bytes. A model without a token for the start of a document begins one after an end.
"""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel
from lsp_server.engines.vocabulary import BYTE_TOKENS, byte_alphabet
from trainer.errors import ImportModelError
from trainer.export.importing.decoder.shape import EMBEDDING, HEAD, Decoder, LazyWeights
from trainer.export.importing.sources.spaced import in_pieces, is_spaced

Roles = Mapping[Sentinel, int]
"""The source's token for a sentinel, where it has one."""

MEAN = -1
"""Stands for the mean of the rows of single bytes."""


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A tokenizer with Lory's ids."""

    tokenizer: dict[str, Any]
    """As in tokenizer.json."""
    rows: NDArray[np.int64]
    """For each new id the source's row, MEAN where there is none."""
    bytes_rows: NDArray[np.int64]
    """The source's rows of single bytes."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a tokenizer.json."""

    ids: dict[str, int]
    special: frozenset[int]
    text: frozenset[int]
    """Added tokens that are text, such as runs of spaces."""


def read_vocabulary(tokenizer: Mapping[str, Any]) -> Vocabulary:
    """Every token; ImportModelError for a kind of tokenizer that is no BPE that knows all bytes."""
    model = tokenizer.get("model") or {}
    by_bytes = "ByteLevel" in str(tokenizer.get("pre_tokenizer")) or is_spaced(tokenizer)
    if model.get("type") != "BPE" or not by_bytes:
        raise ImportModelError(
            f"tokenizer: expected BPE of bytes, or one that falls back to them, found "
            f"{model.get('type')} with "
            f"{(tokenizer.get('pre_tokenizer') or {}).get('type')}; "
            "models with another kind of tokenizer cannot be imported yet"
        )
    added = tokenizer.get("added_tokens") or []
    ids = {**model["vocab"], **{token["content"]: token["id"] for token in added}}
    if len(set(ids.values())) != len(ids):
        raise ImportModelError(
            "tokenizer: expected each token to have an id of its own, found two with the same; "
            "the tokenizer is damaged"
        )
    return Vocabulary(
        ids,
        frozenset(token["id"] for token in added if token["special"]),
        frozenset(token["id"] for token in added if not token["special"]),
    )


def renumber(
    tokenizer: Mapping[str, Any], rows: int, roles: Roles, used: Counter[int] | None = None
) -> Renumbered:
    """The tokenizer with new ids; `rows` are those of the embedding, `used` what code needs most.

    Raises ImportModelError where the tokenizer has tokens that the embedding has no rows for.
    """
    vocabulary = read_vocabulary(tokenizer)
    highest = max(vocabulary.ids.values())
    if highest >= rows:
        raise ImportModelError(
            f"tokenizer: expected ids below the embedding's {rows:,} rows, found {highest:,}; "
            "it belongs to another model"
        )
    names = {at: text for text, at in vocabulary.ids.items()}
    alphabet = BYTE_TOKENS if is_spaced(tokenizer) else byte_alphabet()
    single = np.array([vocabulary.ids[c] for c in alphabet if c in vocabulary.ids], np.int64)
    missing = [character for character in alphabet if character not in vocabulary.ids]
    taken = set(roles.values())
    silent = sorted(vocabulary.special - taken)
    texts = [at for at in sorted(names) if at not in vocabulary.special and at not in taken]
    if used is not None:
        texts.sort(key=lambda at: (-used[at], at))
    parts = {Sentinel.FILE: roles.get(Sentinel.END, MEAN), **roles}
    order = [parts.get(sentinel, MEAN) for sentinel in Sentinel]
    texts_of = [sentinel.text for sentinel in Sentinel]
    order += [*silent, *[MEAN] * len(missing), *texts]
    texts_of += [*(names[at] for at in silent), *missing, *(names[at] for at in texts)]
    if len(set(texts_of)) != len(texts_of):
        raise ImportModelError(
            "tokenizer: expected no token with the text of one of Lory's sentinels, found one; "
            "the model cannot be imported"
        )
    ids = {text: at for at, text in enumerate(texts_of)}
    fresh = write_tokenizer(tokenizer, ids, vocabulary)
    return Renumbered(fresh, np.array(order, np.int64), single)


def write_tokenizer(
    tokenizer: Mapping[str, Any], ids: Mapping[str, int], vocabulary: Vocabulary
) -> dict[str, Any]:
    """The tokenizer.json with these ids, without what a model adds to each text."""
    fresh = copy.deepcopy(in_pieces(tokenizer) if is_spaced(tokenizer) else dict(tokenizer))
    fresh |= {"post_processor": None, "truncation": None, "padding": None}
    fresh["model"]["vocab"] = dict(ids)
    fresh["model"]["merges"] = [
        merge
        for merge in fresh["model"]["merges"]
        for parts in [merge.split(" ") if isinstance(merge, str) else merge]
        if ids.keys() >= {*parts, "".join(parts)}  # none makes what is a sentinel now
    ]
    template = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    sentinels = [
        {"id": int(sentinel), "content": sentinel.text, **template, "special": True}
        for sentinel in Sentinel
    ]
    others = [
        token | {"id": ids[token["content"]]}
        for token in tokenizer.get("added_tokens") or []
        if token["content"] in ids
    ]
    fresh["added_tokens"] = sorted([*sentinels, *others], key=lambda token: token["id"])
    return fresh


def count_used(tokenizer: Mapping[str, Any], texts: Iterable[str]) -> Counter[int]:
    """How often each token is used in the texts."""
    library = Tokenizer.from_str(json.dumps(dict(tokenizer)))
    library.encode_special_tokens = True
    used: Counter[int] = Counter()
    for encoding in library.encode_batch_fast(list(texts), add_special_tokens=False):
        used.update(encoding.ids)
    return used


def move_rows(table: NDArray[np.float32], renumbered: Renumbered) -> NDArray[np.float32]:
    """A table's rows by the new ids: an embedding, a head, or the head's bias."""
    moved = table[renumbered.rows]  # MEAN reads the last row, which is overwritten
    moved[renumbered.rows == MEAN] = table[renumbered.bytes_rows].mean(axis=0)
    return moved


def with_rows(decoder: Decoder, renumbered: Renumbered) -> Decoder:
    """The decoder with the rows of its embedding and its head by the new ids."""
    weights = decoder.weights

    def maker(name: str) -> Callable[[], NDArray[np.float32]]:
        if name in (EMBEDDING, HEAD, f"{HEAD}.bias"):
            return lambda: move_rows(weights[name], renumbered)
        return lambda: weights[name]

    moved = LazyWeights({name: maker(name) for name in weights})
    shape = replace(decoder.shape, vocabulary=len(renumbered.rows))
    return replace(decoder, shape=shape, weights=moved)
