"""Finds what an import names: a folder, a GGUF file, an installed distribution, a hub name."""

import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from trainer.errors import ImportModelError
from trainer.export.importing.sources.checkpoint import read_folder
from trainer.export.importing.sources.gguf_file import read_gguf
from trainer.export.importing.sources.source import Source

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
DISTRIBUTION = re.compile(r"[A-Za-z0-9][\w.-]*")
WANTED = ["config.json", "tokenizer.json", "*.safetensors", "*.safetensors.index.json", "README.md"]
"""What is downloaded of a hub repository: no pickles, no code."""


def find_source(name: str) -> Source:
    """The model that `name` stands for.

    Raises ImportModelError where there is none, or it cannot be read.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return read_folder(path, name)
    if path.is_file():
        if path.suffix.lower() != ".gguf":
            raise ImportModelError(
                f"{name}: expected a Hugging Face folder or a .gguf file, found {path.suffix!r}; "
                "pickled checkpoints are never opened"
            )
        return read_gguf(path, name)
    if DISTRIBUTION.fullmatch(name):
        return read_distribution(name)
    if is_hub_name(name):
        return read_folder(download(name, WANTED), name)
    raise ImportModelError(f"{name}: expected a folder, a .gguf file or a name, found none")


def is_hub_name(name: str) -> bool:
    """Whether a name can only be a hub repository's: nothing of that path is here."""
    return HUB_NAME.fullmatch(name) is not None and not Path(name).exists()


def read_distribution(name: str) -> Source:
    """The one GGUF file of an installed distribution."""
    try:
        found = distribution(name)
    except PackageNotFoundError as exc:
        raise ImportModelError(
            f"{name}: expected a folder, a .gguf file or an installed distribution, found none; "
            f"to install the distribution: pip install {name}"
        ) from exc
    files = [file for file in found.files or [] if file.suffix.lower() == ".gguf"]
    if len(files) != 1:
        raise ImportModelError(
            f"distribution {name}: expected one .gguf file, found {len(files)}; name the file"
        )
    return read_gguf(Path(str(found.locate_file(files[0]))), f"{name} {found.version}")


def download(name: str, wanted: Sequence[str]) -> Path:
    """A hub repository's files in the library's cache; nothing is loaded that they say."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as exc:
        raise ImportModelError(
            f"{name}: expected huggingface_hub to fetch it with, found none; "
            "install lory-lsp[train], or download the folder yourself"
        ) from exc
    try:
        return Path(snapshot_download(name, allow_patterns=list(wanted)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as exc:
        line = " ".join(str(exc).split())[:300]
        raise ImportModelError(
            f"{name}: expected it on the hub or in its cache, found: {line}; "
            "check the name and the network, or give a folder"
        ) from exc
