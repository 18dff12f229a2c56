"""Opens a bundle's folder and verifies its files."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lsp_server.contract.bundles.manifest import (
    MANIFEST,
    REBUILD,
    FileRecord,
    Manifest,
    fault,
    read_manifest,
)
from lsp_server.contract.bundles.onnx_file import read_summary
from lsp_server.contract.prompt import Sentinel

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
CARD = "MODEL_CARD.md"
MIXTURE = "mixture.json"
REQUIRED_FILES = (MODEL, TOKENIZER, CARD)
NEWEST_OPSETS: dict[str, int] = {"": 22, "com.microsoft": 1}
"""Operator sets that the oldest supported onnxruntime (1.24) runs, by domain."""
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
COPY_AGAIN = "the file was changed or damaged: copy the bundle again"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder whose every file is what its manifest says."""

    folder: Path
    manifest: Manifest
    model_path: Path
    tokenizer_path: Path

    @property
    def mixture_path(self) -> Path:
        """The weights of the cache model: the bundle's own, or those that come with Lory."""
        own = MIXTURE in self.manifest.files
        return self.folder / MIXTURE if own else Path(__file__).parents[2] / "engines" / MIXTURE


def load(folder: Path) -> Bundle:
    """Read and verify the bundle in `folder`: its manifest, files, hashes, opsets, external data.

    Raises BundleError for the first thing that is not as expected. Names, types and shapes of the
    graph's tensors are verified by the engine that opens it.
    """
    manifest = read_manifest(folder)
    check_sentinels(folder, manifest)
    check_files(folder, manifest.files)
    check_model(folder, manifest)
    place = folder.absolute()  # processes that work elsewhere are given its files' paths
    return Bundle(place, manifest, place / MODEL, place / TOKENIZER)


def check_sentinels(folder: Path, manifest: Manifest) -> None:
    """Raise BundleError unless the manifest's sentinel ids are the prompt layout's."""
    expected = sentinel_ids()
    if manifest.sentinels != expected:
        raise fault(f"bundle {folder}", f"sentinel ids {expected}", manifest.sentinels, REBUILD)


def sentinel_ids() -> dict[str, int]:
    """Id of every sentinel by its text."""
    return {sentinel.text: int(sentinel) for sentinel in Sentinel}


def check_files(folder: Path, files: Mapping[str, FileRecord]) -> None:
    """Raise BundleError unless exactly the listed files are there, each with its size and hash.

    The manifest may be listed or not.
    """
    subject = f"bundle {folder}"
    for name in files:
        if not PLAIN_NAME.fullmatch(name):
            found = f"{name!r}, which may leave the folder"
            raise fault(subject, "plain file names", found, REBUILD)
    for name in REQUIRED_FILES:
        if name not in files:
            raise fault(subject, f"{name} listed in {MANIFEST}", sorted(files), REBUILD)
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    if extra := sorted(present - files.keys()):
        raise fault(subject, f"only the files listed in {MANIFEST}", f"also {extra}", "remove them")
    for name, record in files.items():
        check_file(folder, name, record)


def check_file(folder: Path, name: str, expected: FileRecord) -> None:
    """Raise BundleError unless `folder/name` is a file, no link, of the expected size and hash."""
    path, subject = folder / name, f"bundle {folder}"
    if path.is_symlink():
        link = "a link, which may leave the folder"
        raise fault(subject, f"a file {name}", link, "copy the file in its place")
    if not path.is_file():
        raise fault(subject, f"a file {name}", "none", REBUILD)
    try:
        found = record_file(path)
    except OSError as exc:
        raise fault(subject, f"a readable {name}", exc, "give it read permission") from exc
    if found.bytes != expected.bytes:
        raise fault(subject, f"{name} of {expected.bytes} bytes", found.bytes, COPY_AGAIN)
    if found.sha256 != expected.sha256:
        raise fault(subject, f"{name} with sha256 {expected.sha256}", found.sha256, COPY_AGAIN)


def check_model(folder: Path, manifest: Manifest) -> None:
    """Raise BundleError where the graph needs operators or outside data that it may not have."""
    subject = f"bundle {folder}"
    summary = read_summary(folder / MODEL)
    needed = manifest.engine.opsets
    if summary.opsets != needed:
        raise fault(subject, f"{MODEL} with opsets {needed}", summary.opsets, REBUILD)
    for domain, version in needed.items():
        if version > NEWEST_OPSETS.get(domain, 0):
            raise fault(subject, f"opsets up to {NEWEST_OPSETS}", needed, "install a newer lory")
    if strangers := sorted(summary.external_files - manifest.files.keys()):
        found = f"{MODEL} reading {strangers}"
        raise fault(subject, f"weights in the files listed in {MANIFEST}", found, REBUILD)


def record_file(path: Path) -> FileRecord:
    """Hash and size of one file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileRecord(digest, file.tell())


def record_files(folder: Path, names: Iterable[str]) -> dict[str, FileRecord]:
    """What `Manifest.files` holds for the files `names` of `folder`."""
    return {name: record_file(folder / name) for name in sorted(names)}


def describe(bundle: Bundle) -> list[tuple[str, str]]:
    """The manifest for people, as rows of label and value; the evaluation table is not in it."""
    manifest, provenance = bundle.manifest, bundle.manifest.provenance
    total = sum(record.bytes for record in manifest.files.values())
    licences = (f"{name} {count:,}" for name, count in provenance.licences.items())
    return [
        ("name", f"{manifest.name} {manifest.version}"),
        ("folder", str(bundle.folder)),
        ("languages", ", ".join(manifest.languages)),
        (
            "model",
            f"{manifest.architecture}, {manifest.parameters:,} parameters, {manifest.precision}",
        ),
        ("context", f"{manifest.context:,} tokens, vocabulary {manifest.vocabulary:,}"),
        ("size", f"{total / 1e6:.1f} MB in {len(manifest.files)} files"),
        ("recipe", f"{provenance.recipe}, seed {provenance.seed}"),
        ("ledger", provenance.ledger_sha256),
        ("licences", ", ".join(licences)),
        *provenance.training.items(),
    ]
