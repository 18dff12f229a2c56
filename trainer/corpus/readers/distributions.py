"""Source `distributions`: Python's standard library and the installed packages."""

import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial
from importlib.metadata import Distribution, distributions
from pathlib import Path
from platform import python_version

from packaging.utils import NormalizedName, canonicalize_name

from trainer.corpus.config import SourcesConfig
from trainer.corpus.readers.files import Admitted, Origin, SourceFile, admit_files, skip
from trainer.corpus.readers.folder import list_folder, load_file
from trainer.corpus.readers.licences import metadata_licence
from trainer.errors import SourceError

STDLIB_TESTS = ("test/*", "*/test/*", "*/tests/*", "*/idle_test/*")
"""The standard library's own tests, as patterns of paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionsSource:
    """Installed packages and the standard library; its options."""

    packages: bool = True
    names: list[str] = field(default_factory=list)
    """Distributions to read; empty for all that are installed."""
    stdlib: bool = False
    stdlib_tests: bool = False
    exclude: list[str] = field(default_factory=list)
    """Glob patterns of paths, as in a package's RECORD, that are left out."""

    def read(self, config: SourcesConfig) -> Admitted:
        """Their documents; raises SourceError for a name that is not installed."""
        if self.stdlib:
            tests = () if self.stdlib_tests else STDLIB_TESTS
            yield from read_stdlib(config, [*self.exclude, *tests])
        if self.packages:
            for name, distribution in installed(self.names):
                yield from read_distribution(config, name, distribution, self.exclude)


def installed(names: list[str]) -> Iterator[tuple[str, Distribution]]:
    """Installed distributions by normalised name; of one name the first on the path counts."""
    found: dict[NormalizedName, Distribution] = {}
    for distribution in distributions():
        found.setdefault(canonicalize_name(distribution.metadata["Name"] or ""), distribution)
    wanted = [canonicalize_name(name) for name in names] or sorted(found)
    for name in wanted:
        if name not in found:
            raise SourceError(
                f"source distributions: expected {name} to be installed, found it is not; "
                f"install it or correct `names`"
            )
        yield name, found[name]


def read_distribution(
    config: SourcesConfig, name: str, distribution: Distribution, exclude: list[str]
) -> Admitted:
    """Documents of one installed distribution."""
    metadata = distribution.metadata
    classifiers = metadata.get_all("Classifier") or []
    statements = [
        *(metadata.get_all("License-Expression") or []),
        *(entry for entry in classifiers if entry.startswith("License ::")),
        *(metadata.get_all("License") or []),
    ]
    licence = metadata_licence(statements)
    origin = Origin("distributions", name, distribution.version, licence)
    paths = {entry.as_posix() for entry in distribution.files or []}
    wanted = sorted(path for path in paths if path.endswith(tuple(config.suffixes)))
    listed = (
        skip(origin, path, "outside the package folder")
        if path.startswith("../")
        else SourceFile(path, partial(load_file, Path(str(distribution.locate_file(path)))))
        for path in wanted
        if not any(fnmatch(path, pattern) for pattern in exclude)
    )
    return admit_files(origin, listed, config)


def read_stdlib(config: SourcesConfig, exclude: list[str]) -> Admitted:
    """Documents of the running interpreter's standard library; repository `python-stdlib`."""
    root = Path(sysconfig.get_path("stdlib"))
    origin = Origin("distributions", "python-stdlib", python_version(), "psf")
    listed = (
        entry
        for entry in list_folder(root, origin, tuple(config.suffixes))
        if not any(fnmatch(entry.path, pattern) for pattern in [*exclude, "*-packages/*"])
    )
    return admit_files(origin, listed, config)
