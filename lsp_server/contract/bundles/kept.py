"""Where the models lie that a user keeps, and which of them completes.

Each is a folder with its bundle and a record. A small file beside them names the one in use; a
running server looks at it again with each request.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import cattrs
from platformdirs import user_data_path

from lsp_server.contract.bundles.manifest import (
    FileRecord,
    fault,
    read_manifest,
    strict_converter,
)
from lsp_server.contract.records import write_record, write_whole
from lsp_server.errors import BundleError

PATH_VARIABLE = "LORY_MODELS"
"""Environment variable: the folder of the models, in place of the user's own."""
SHIPPED = "shipped"
"""The name of the model that comes with Lory."""
SHIPPED_FOLDER = Path(__file__).parents[2] / "models" / "default"

BUNDLE, RECORD, IN_USE = "bundle", "record.json", "in-use.json"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
"""Of a model: one name on every file system."""
DEVICES = {"aux", "con", "nul", "prn"}
"""Names that Windows keeps to itself, whatever follows their first dot."""
CHOOSE = "choose one with: lory model use NAME"

Choice = tuple[int | str, ...] | None
"""Stands for what the user has chosen and keeps: another value after each change; None for nothing
but what comes with Lory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecord:
    """Where a kept model comes from, and what its files were when it was added."""

    source: str
    licence: str
    """Of a model of others; "" for one that Lory's trainer made."""
    adapter: str
    """SHA-256 of the adapter that was merged; "" without one."""
    files: dict[str, FileRecord]
    """Every file of the bundle, its manifest too."""
    added: str
    """When, as ISO 8601."""
    lory: str
    """The version that added it."""


def models_folder() -> Path:
    """The folder of the kept models; it need not be there."""
    named = os.environ.get(PATH_VARIABLE)
    return Path(named).expanduser() if named else user_data_path("lory") / "models"


def is_name(text: str) -> bool:
    """Whether a model may be kept under this name."""
    if not NAME.fullmatch(text) or text.endswith("."):
        return False
    return text not in (SHIPPED, IN_USE) and text.partition(".")[0] not in DEVICES


def kept_folder(name: str) -> Path:
    """The folder of a kept model. BundleError for what is no name."""
    if not is_name(name):
        expected = "a name of lower-case letters, digits, '.', '_' and '-'"
        raise fault(f"model {name!r:.80}", expected, "another", "see: lory model list")
    return models_folder() / name


def kept_names() -> list[str]:
    """Of all kept models, sorted."""
    try:
        found = list(models_folder().iterdir())
    except OSError:
        return []
    return sorted(path.name for path in found if is_name(path.name) and path.is_dir())


def find_bundle(given: str) -> Path:
    """The bundle's folder for the name or path of a setting; for none, of the model in use.

    A kept model's name is never taken for a folder of the place that a program was started in.
    Raises BundleError where the choice cannot be read, or names a model that is not kept.
    """
    name = given or name_in_use()
    if name == SHIPPED:
        return SHIPPED_FOLDER
    if is_name(name) and kept_folder(name).is_dir():
        return kept_folder(name) / BUNDLE
    if not given:
        raise fault(pointer(), "the name of a kept model", f"{name!r:.80}", CHOOSE)
    return Path(given).expanduser()


def pointer() -> Path:
    """The file that names the model in use."""
    return models_folder() / IN_USE


def name_in_use() -> str:
    """Of the model that completes where no setting names one. BundleError for an unreadable one."""
    try:
        found = json.loads(pointer().read_bytes())
    except FileNotFoundError:
        return SHIPPED
    except (OSError, ValueError, RecursionError) as exc:
        raise fault(pointer(), "the name of a kept model", exc, CHOOSE) from exc
    name = found.get("name") if isinstance(found, dict) else found
    if not isinstance(name, str) or not is_name(name):
        raise fault(pointer(), "the name of a kept model", f"{name!r:.80}", CHOOSE)
    return name


def choice_for(given: str) -> Choice:
    """What stands for the choice now, in microseconds; None where a setting names the model."""
    if given:
        return None
    names = kept_names()
    try:
        found = pointer().stat()
    except OSError:
        return tuple(names) or None
    return (found.st_mtime_ns, found.st_ino, found.st_size, *names)


def others_by_language(given: str) -> dict[str, tuple[str, ...]]:
    """Names of the models beside the one in use, each with the languages that none before it knows.

    None where a setting names the model: then no other completes. The shipped one comes first, then
    the kept ones by name; what cannot be read is passed over.
    """
    if given:
        return {}
    known = set(read_manifest(find_bundle("")).languages)
    found: dict[str, tuple[str, ...]] = {}
    for name in (SHIPPED, *kept_names()):
        try:
            languages = read_manifest(find_bundle(name)).languages
        except BundleError:
            continue
        if mine := tuple(language for language in languages if language not in known):
            found[name] = mine
            known.update(mine)
    return found


def choose(name: str) -> None:
    """Let a kept model, or the shipped one, be the one in use."""
    if name == SHIPPED:
        pointer().unlink(missing_ok=True)
    else:
        write_whole(pointer(), json.dumps({"name": name}) + "\n")


def read_kept_record(name: str) -> KeptRecord:
    """What was recorded of a kept model. BundleError where that is not there or damaged."""
    path = kept_folder(name) / RECORD
    try:
        return strict_converter().structure(json.loads(path.read_bytes()), KeptRecord)
    except (OSError, ValueError, TypeError, RecursionError, cattrs.BaseValidationError) as exc:
        advice = f"add the model again, after: lory model remove {name}"
        raise fault(path, "the record of a kept model", type(exc).__name__, advice) from exc


def write_kept_record(folder: Path, record: KeptRecord) -> None:
    """Write a model's record into its folder."""
    write_record(folder / RECORD, strict_converter().unstructure(record))
