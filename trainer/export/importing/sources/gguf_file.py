"""Reads a GGUF file: its facts as a transformers configuration, its tensors dequantized."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import ImportModelError
from trainer.export.importing.sources.gguf_names import (
    ARCHITECTURES,
    LAYER,
    UNREAD,
    Architecture,
    interleaved_rows,
)
from trainer.export.importing.sources.gguf_tokenizer import read_tokenizer
from trainer.export.importing.sources.source import Source, Weights, checked

Facts = dict[str, Any]
LARGEST_LIST = 2_000_000
"""Entries of a list in the file's head, such as its tokens."""


def read_gguf(path: Path, origin: str) -> Source:
    """The model in a GGUF file.

    Raises ImportModelError for a file that is damaged or cut short, and for an architecture, a
    setting or a tokenizer that is not understood.
    """
    reader = open_reader(path)
    facts = read_facts(reader)
    kind = facts.get("general.architecture")
    if kind not in ARCHITECTURES:
        raise ImportModelError(
            f"{path}: general.architecture: expected one of {', '.join(sorted(ARCHITECTURES))}, "
            f"found {kind!r}; this architecture cannot be imported"
        )
    architecture = ARCHITECTURES[kind]
    tensors = GgufTensors(reader, architecture, facts)
    config = make_config(architecture, str(kind), facts, tensors)
    return Source(
        name=str(facts.get("general.basename") or path.stem).lower().replace(" ", "-"),
        origin=origin,
        config=config,
        tensors=tensors,
        tokenizer=read_tokenizer(facts),
        licence=str(facts.get("general.license") or ""),
        files=(path,),
    )


def open_reader(path: Path) -> Any:
    """The file's head; the library maps the rest. ImportModelError where it is no whole GGUF."""
    import gguf

    try:
        reader = gguf.GGUFReader(path)
        size = path.stat().st_size
        for tensor in reader.tensors:
            if tensor.data_offset + tensor.n_bytes > size:
                raise ValueError(f"tensor {tensor.name} reaches beyond the file's end")
    except (ValueError, KeyError, IndexError, OSError, OverflowError, MemoryError) as exc:
        raise ImportModelError(
            f"{path}: expected a whole GGUF file, found: {exc}; download it again"
        ) from exc
    return reader


def read_facts(reader: Any) -> Facts:
    """Every fact of the file's head by its name."""
    facts: Facts = {}
    for name, field in reader.fields.items():
        if len(field.data) > LARGEST_LIST:
            raise ImportModelError(
                f"{name}: expected at most {LARGEST_LIST:,} entries, found {len(field.data):,}"
            )
        facts[name] = field.contents()
    return facts


def make_config(
    architecture: Architecture, kind: str, facts: Facts, tensors: "GgufTensors"
) -> dict[str, Any]:
    """The configuration; ImportModelError for a setting of the network that is not understood."""
    config: dict[str, Any] = {"model_type": architecture.model_type, **architecture.fixed}
    for name, value in facts.items():
        if not name.startswith(f"{kind}."):
            continue
        setting = name.removeprefix(f"{kind}.")
        if setting in architecture.settings:
            config[architecture.settings[setting]] = value
        elif setting not in UNREAD:
            raise ImportModelError(
                f"{name}: expected a setting that is understood, found {value!r:.200}; "
                "a model that needs it cannot be imported"
            )
    config["vocab_size"] = len(facts["tokenizer.ggml.tokens"])
    config["tie_word_embeddings"] = not tensors.has_head
    for end in ("bos", "eos"):
        found = facts.get(f"tokenizer.ggml.{end}_token_id")
        if found is not None:
            config[f"{end}_token_id"] = found
    return architecture.finish(config, facts)


class GgufTensors(Mapping[str, Weights]):
    """The tensors under transformers' names, as float32, each dequantized when it is asked for."""

    def __init__(self, reader: Any, architecture: Architecture, facts: Facts) -> None:
        self._architecture = architecture
        self._heads = head_counts(facts)
        self._found: dict[str, Any] = {}
        for tensor in reader.tensors:
            self._found[transformers_name(architecture, tensor.name)] = tensor
        self.has_head = any(tensor.name == "output.weight" for tensor in reader.tensors)

    def __getitem__(self, name: str) -> Weights:
        from gguf import dequantize

        tensor = self._found[name]
        shape = tuple(int(size) for size in reversed(tensor.shape))
        flat = dequantize(tensor.data, tensor.tensor_type)
        array = np.asarray(flat, np.float32).reshape(shape)
        return checked(name, self._as_stored(tensor.name, array))

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def _as_stored(self, name: str, array: Weights) -> Weights:
        """The array as transformers' checkpoints have it."""
        for end, heads in zip(("attn_q", "attn_k"), self._heads, strict=True):
            if self._architecture.interleaved and f".{end}." in name:
                array = interleaved_rows(array, heads)
        if self._architecture.transposed and array.ndim == 2 and LAYER.match(name):
            array = np.ascontiguousarray(array.T)
        if self._architecture.one_more and name.endswith("norm.weight"):
            array = array - np.float32(1)
        return array


def head_counts(facts: Facts) -> tuple[int, int]:
    """Heads of queries and of keys."""
    kind = facts["general.architecture"]
    query = facts.get(f"{kind}.attention.head_count")
    if not isinstance(query, int):
        raise ImportModelError(f"{kind}.attention.head_count: expected a number, found {query!r}")
    return query, int(facts.get(f"{kind}.attention.head_count_kv") or query)


def transformers_name(architecture: Architecture, name: str) -> str:
    """transformers' name of a tensor; its own name where there is none, which is then refused."""
    stem, dot, end = name.rpartition(".")
    found = LAYER.match(stem)
    if found is None:
        known = architecture.whole.get(stem)
        return f"{known}{dot}{end}" if known else name
    known = architecture.layer.get(found[2])
    return f"{architecture.layers}.{found[1]}.{known}{dot}{end}" if known else name
