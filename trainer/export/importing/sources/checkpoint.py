"""Reads a Hugging Face folder: `config.json`, `tokenizer.json` and safetensors, sharded or not.

No pickle is opened and no code of the folder is run.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import ImportModelError
from trainer.export.importing.sources.source import Source, Weights, checked

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
LARGEST_TEXT = 100_000_000
"""Bytes of a JSON file that is read."""
FLOATS = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
LICENCE = re.compile(r"^license:\s*([^\s#]+)", re.MULTILINE)


class SafeTensors(Mapping[str, Weights]):
    """The tensors of some safetensors files as float32, each read when it is asked for."""

    def __init__(self, files: list[Path]) -> None:
        self._place: dict[str, Path] = {}
        for path in files:
            for name in tensor_names(path):
                self._place[name] = path

    def __getitem__(self, name: str) -> Weights:
        return checked(name, read_tensor(self._place[name], name))

    def __contains__(self, name: object) -> bool:
        return name in self._place

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def __len__(self) -> int:
        return len(self._place)


def read_folder(folder: Path, origin: str) -> Source:
    """The model in `folder`.

    Raises ImportModelError for what is missing, damaged, pickled, or would run code.
    """
    config = read_json(folder / CONFIG)
    if "auto_map" in config:
        raise ImportModelError(
            f"{folder / CONFIG}: expected a model without code of its own, found auto_map; "
            "code of a checkpoint is never run: export it with the architecture's own class"
        )
    if config.get("quantization_config"):
        raise ImportModelError(
            f"{folder / CONFIG}: expected weights as floats, found quantization_config; "
            "give the unquantized checkpoint, or a GGUF file"
        )
    files = find_files(folder)
    return Source(
        name=folder.resolve().name.lower(),
        origin=origin,
        config=config,
        tensors=SafeTensors(files),
        tokenizer=read_json(folder / TOKENIZER),
        licence=read_licence(folder),
        files=tuple(files),
    )


def find_files(folder: Path) -> list[Path]:
    """The safetensors files; ImportModelError where there is none, or a shard is missing."""
    if (folder / INDEX).exists():
        index = read_json(folder / INDEX).get("weight_map")
        if not isinstance(index, dict):
            raise ImportModelError(f"{folder / INDEX}: expected a weight_map, found none")
        names = sorted({str(name) for name in index.values()})
    else:
        names = [SINGLE]
    for name in names:
        if Path(name).name != name:
            raise ImportModelError(f"{folder / INDEX}: expected plain file names, found {name!r}")
        if not (folder / name).is_file():
            pickled = [path.name for kind in PICKLES for path in folder.glob(kind)]
            found = f"the pickled {pickled[0]}, which is never opened" if pickled else "none"
            raise ImportModelError(
                f"{folder}: expected {name}, found {found}; download the safetensors files"
            )
    return [folder / name for name in names]


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; ImportModelError where there is none."""
    if not path.is_file():
        raise ImportModelError(
            f"{path.parent}: expected a Hugging Face checkpoint with its {path.name}, found none"
        )
    if path.stat().st_size > LARGEST_TEXT:
        raise ImportModelError(f"{path}: expected at most {LARGEST_TEXT:,} bytes, found more")
    try:
        record = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as exc:
        raise ImportModelError(f"{path}: expected JSON, found something else ({exc})") from exc
    if not isinstance(record, dict):
        raise ImportModelError(f"{path}: expected a JSON object, found {type(record).__name__}")
    return record


def tensor_names(path: Path) -> list[str]:
    """Names of a file's tensors; ImportModelError where the file is no whole safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return list(file.keys())
    except (SafetensorError, OSError) as exc:
        raise ImportModelError(
            f"{path}: expected a whole safetensors file, found: {exc}; download it again"
        ) from exc


def read_tensor(path: Path, name: str) -> Weights:
    """One tensor as float32; ImportModelError where it is of a type that is no float."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        kind = file.get_slice(name).get_dtype()
        if kind in FLOATS:
            return np.asarray(file.get_tensor(name), np.float32)
    if kind != "BF16":
        raise ImportModelError(
            f"tensor {name}: expected floats of 16 bits or more, found {kind}; "
            "give the unquantized checkpoint"
        )
    return read_bfloat16(path, name)


def read_bfloat16(path: Path, name: str) -> Weights:
    """A tensor that numpy has no type for: the upper half of each float32."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))[name]
    start, end = entry["data_offsets"]
    count = (end - start) // 2
    halves = np.memmap(path, np.uint16, "r", offset=8 + length + start, shape=(count,))
    whole: Weights = (halves.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return whole.reshape(entry["shape"])


def read_licence(folder: Path) -> str:
    """What the model card's head says, or "LICENSE" where there is a file of that name alone."""
    card = folder / "README.md"
    if card.is_file():
        found = LICENCE.search(card.read_text(encoding="utf-8", errors="replace")[:20_000])
        if found:
            return found[1]
    return next((path.name for path in sorted(folder.glob("LICENSE*"))), "")
