"""Reads and writes a bundle's manifest, `bundle.json`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cattrs

from lsp_server.contract.bundles.prompt_layout import OWN, Layout, fault_of
from lsp_server.contract.records import write_record
from lsp_server.errors import BundleError

FORMAT = 1
MANIFEST = "bundle.json"
REBUILD = "rebuild it with: lory-train bundle --run RUN"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What a file must be."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the weights come from."""

    recipe: str
    seed: int
    ledger_sha256: str
    """Of the ledger that lists every document the model was trained on."""
    licences: dict[str, int]
    """Training documents by licence."""
    training: dict[str, str]
    """Facts of the training run: steps, tokens, seconds, hardware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One row of the evaluation table."""

    metric: str
    value: float
    low: float
    """Lower end of the 95 % interval, in `unit`."""
    high: float
    n: int
    """How many cases the figure rests on."""
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """An input or output of the graph; names in `shape` are sizes that change from call to call."""

    name: str
    type: str
    """As onnxruntime writes it, such as `tensor(float)`."""
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineNeeds:
    """What an engine must offer to run the graph."""

    opsets: dict[str, int]
    """Operator set versions by domain; "" is ONNX's own."""
    providers: tuple[str, ...]
    """Execution providers the graph was verified on."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`bundle.json`."""

    format: int
    name: str
    version: str
    languages: tuple[str, ...]
    architecture: str
    """Such as `llama`."""
    parameters: int
    context: int
    """Tokens of prompt and completion together."""
    vocabulary: int
    sentinels: dict[str, int]
    precision: str
    """Of the matrices, such as `int8`."""
    files: dict[str, FileRecord]
    provenance: Provenance
    evaluation: tuple[Measurement, ...]
    engine: EngineNeeds
    layout: Layout = OWN
    """In which order the model reads the parts of a prompt; see `prompt_layout.py`."""


def fault(subject: object, expected: object, found: object, advice: str) -> BundleError:
    """The one form of every error about a bundle."""
    return BundleError(f"{subject}: expected {expected}, found {found}; {advice}")


def read_manifest(folder: Path) -> Manifest:
    """`bundle.json` of `folder`; BundleError on another format, unknown keys, wrong types."""
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise fault(
            folder, f"a bundle with its {MANIFEST}", "none", f"name its folder, or {REBUILD}"
        )
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as exc:
        raise fault(path, "JSON", f"something else ({exc})", REBUILD) from exc
    found = record.get("format") if isinstance(record, dict) else None
    if type(found) is not int or found != FORMAT:
        advice = f"install the lory that reads it, or {REBUILD}"
        raise fault(path, f"format {FORMAT}", repr(found), advice)
    return structure_manifest(record, path)


def structure_manifest(record: Any, path: Path) -> Manifest:
    """The manifest in the plain JSON values `record`; `path` is for the error message."""
    shown = {key: value for key, value in dict(record).items() if key != "layout"}
    for text in texts_in(shown):
        if text != printable(text):
            raise fault(path, "text that can be printed", printable(text), REBUILD)
    try:
        manifest = strict_converter().structure(record, Manifest)
    except (cattrs.BaseValidationError, KeyError, TypeError, ValueError) as exc:
        faults = "; ".join(cattrs.transform_error(exc, path=MANIFEST))
        raise fault(path, f"the keys and types of format {FORMAT}", faults, REBUILD) from exc
    if wrong := fault_of(manifest.layout, list(manifest.sentinels)):
        raise fault(path, "a prompt's layout", wrong, REBUILD)
    return manifest


def texts_in(value: Any) -> Iterator[str]:
    """Every text of plain JSON values, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        parts = value if isinstance(value, list) else [*value, *value.values()]
        for part in parts:
            yield from texts_in(part)


def printable(text: str) -> str:
    """The text without what a terminal obeys: such characters by their numbers."""
    return text if text.isprintable() else "".join(map(printable_character, text))


def printable_character(character: str) -> str:
    """The character, or its number where a terminal would not just show it."""
    return character if character.isprintable() else repr(character)[1:-1]


@cache
def strict_converter() -> cattrs.Converter:
    """Structures dataclasses from JSON values: unknown keys are errors, nothing is coerced."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    for wanted in (bool, int, float, str):
        converter.register_structure_hook(wanted, structure_exactly)
    converter.register_structure_hook(int | str, structure_dimension)
    return converter


def structure_exactly(value: Any, wanted: type[Any]) -> Any:
    """`value` if it is of the type `wanted`; JSON's whole numbers pass as floats."""
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise TypeError(f"expected {wanted.__name__}, found {value!r:.60}")
    return value


def structure_dimension(value: Any, _: Any) -> int | str:
    """A tensor's dimension: a size, or a name for one that changes."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"expected a size or a name, found {value!r:.60}")
    return value


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `bundle.json`, the last file of a bundle."""
    record = strict_converter().unstructure(manifest)
    if manifest.layout == OWN:
        del record["layout"]  # as every earlier version writes and reads it
    write_record(folder / MANIFEST, record)
