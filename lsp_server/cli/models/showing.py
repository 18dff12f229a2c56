"""What `lory model list` and `lory model show` say, for people and for programs."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from lsp_server import __version__
from lsp_server.cli.models.known import KNOWN
from lsp_server.contract.bundles.bundle import CARD, Bundle, check_files, describe, load
from lsp_server.contract.bundles.kept import (
    SHIPPED,
    KeptRecord,
    find_bundle,
    kept_folder,
    kept_names,
    name_in_use,
    read_kept_record,
)
from lsp_server.contract.bundles.licences import forbids
from lsp_server.contract.bundles.manifest import read_manifest
from lsp_server.errors import BundleError, ModelError

COMES_WITH = f"lory {__version__}"
NEWLINE = "\u23ce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model as the list has it; what cannot be read of it is left empty."""

    name: str
    in_use: bool
    title: str = ""
    languages: tuple[str, ...] = ()
    bytes: int = 0
    licence: str = ""
    source: str = ""
    fault: str = ""
    """Why it cannot be used; "" where nothing is known to be wrong."""


def find_kept(name: str) -> Path:
    """The bundle's folder of a kept model or the shipped one; ModelError where there is none."""
    if name != SHIPPED and not kept_folder(name).is_dir():
        known = ", ".join((SHIPPED, *kept_names()))
        raise ModelError(
            f"model {name!r}: expected one of {known}, found no such; see: lory model list"
        )
    return find_bundle(name)


def record_for(name: str) -> KeptRecord | None:
    """What was recorded of a model; None of the shipped one, which Lory's own package holds."""
    return None if name == SHIPPED else read_kept_record(name)


def list_models() -> list[Listed]:
    """The shipped model and all kept ones, without reading their weights."""
    in_use = used_name()
    return [list_one(name, in_use == name) for name in (SHIPPED, *kept_names())]


def used_name() -> str:
    """Of the model in use; "" where the choice cannot be read."""
    try:
        return name_in_use()
    except BundleError:
        return ""


def list_one(name: str, in_use: bool) -> Listed:
    """A model by its manifest and record."""
    try:
        manifest, record = read_manifest(find_kept(name)), record_for(name)
    except (BundleError, ModelError) as exc:
        return Listed(name=name, in_use=in_use, fault=str(exc))
    return Listed(
        name=name,
        in_use=in_use,
        title=f"{manifest.name} {manifest.version}",
        languages=manifest.languages,
        bytes=sum(record.bytes for record in manifest.files.values()),
        licence=record.licence if record else "Apache-2.0",
        source=record.source if record else COMES_WITH,
    )


def list_table(models: Iterable[Listed]) -> Table:
    """A row for each model."""
    table = Table("in use", "name", "model", "languages", "MB", "licence", "from")
    table.columns[1].overflow = "fold"  # it is what one types next
    for each in models:
        mark = "*" if each.in_use else ""
        if each.fault:
            table.add_row(mark, each.name, each.fault, "", "", "", "")
            continue
        languages, licence = ", ".join(each.languages), warned(each.licence)
        size = f"{each.bytes / 1e6:.1f}"
        table.add_row(mark, each.name, each.title, languages, size, licence, each.source)
    return table


def warned(licence: str) -> str:
    """A licence, and whether it forbids some uses."""
    return f"{licence} (forbids some uses)" if licence and forbids(licence) else licence


def list_json() -> dict[str, Any]:
    """The list for programs, with what can be added by a short name."""
    models = list_models()
    kept = {each.name for each in models}
    known = [
        {"name": name, "from": each.origin, "licence": each.licence, "about": each.about}
        for name, each in KNOWN.items()
        if name not in kept
    ]
    return {"models": [asdict(each) for each in models], "known": known}


def check_model(name: str) -> Bundle:
    """A kept model's bundle, every file's hash checked anew: against its manifest, and against what
    was recorded when it was added. BundleError for one that was changed since.
    """
    folder, record = find_kept(name), record_for(name)
    if record is not None:
        check_files(folder, record.files)
    return load(folder)


def show_rows(name: str, bundle: Bundle) -> list[tuple[str, str]]:
    """What is known of a model, as rows of label and value."""
    record = record_for(name)
    rows = [("in use", "yes" if used_name() == name else "no"), *describe(bundle)]
    rows += [("prompt", prompt_of(bundle)), ("hashes", "all as recorded")]
    if record is not None:
        rows += [("added", f"{record.added}, by lory {record.lory}"), ("from", record.source)]
        rows += [("licence", warned(record.licence))] if record.licence else []
        rows += [("adapter", f"sha256 {record.adapter}")] if record.adapter else []
    return rows


def prompt_of(bundle: Bundle) -> str:
    """In which order the model reads a prompt."""
    return " ".join(part.replace("\n", NEWLINE) for part in bundle.manifest.layout)


def show_json(name: str, bundle: Bundle) -> dict[str, Any]:
    """All that is known of a model, for programs."""
    record, manifest = record_for(name), bundle.manifest
    return {
        "name": name,
        "in_use": used_name() == name,
        "folder": str(bundle.folder),
        "title": f"{manifest.name} {manifest.version}",
        "languages": list(manifest.languages),
        "parameters": manifest.parameters,
        "precision": manifest.precision,
        "context": manifest.context,
        "prompt": list(manifest.layout),
        "licences": manifest.provenance.licences,
        "record": asdict(record) if record else None,
        "card": card_of(bundle),
    }


def card_of(bundle: Bundle) -> str:
    """The model card's text."""
    return (bundle.folder / CARD).read_text(encoding="utf-8", errors="replace")
