"""Opening a bundle to train from."""

import shutil
from pathlib import Path

import lsp_server
from lsp_server.contract.bundles.bundle import Bundle, load
from lsp_server.errors import BundleError
from trainer.errors import RecipeError

DEFAULT = "default"
"""Stands for the bundle that comes with the server."""


def open_bundle(name: str, key: str) -> Bundle:
    """The bundle in folder `name`; RecipeError, with the setting's `key`, where there is none."""
    shipped = Path(lsp_server.__file__).parent / "models" / "default"
    try:
        return load(shipped if name == DEFAULT else Path(name).expanduser())
    except BundleError as exc:
        raise RecipeError(f"{key}: {exc}") from exc


def copy_tokenizer(name: str, out: Path) -> None:
    """Write the tokenizer of bundle `name` to `out`."""
    shutil.copyfile(open_bundle(name, "tokenizer.bundle").tokenizer_path, out)
