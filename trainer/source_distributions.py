"""Source plugin `distributions`: takes this environment, gives its packages and standard library."""

import re
import sysconfig
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import partial
from importlib.metadata import Distribution, distributions
from pathlib import Path
from platform import python_version

from trainer.config import SourcesConfig
from trainer.errors import SourceError
from trainer.licences import metadata_licence
from trainer.source_files import Admitted, Origin, Skipped, SourceFile, admit_files, skip
from trainer.source_folder import list_folder, load_file

STDLIB_TESTS = ("test/*", "*/test/*", "*/tests/*", "*/idle_test/*")
"""The standard library's own tests, as patterns of paths."""


def read_distributions(
    config: SourcesConfig,
    *,
    names: list[str] | None = None,
    packages: bool = True,
    stdlib: bool = False,
    stdlib_tests: bool = False,
    exclude: list[str] | None = None,
) -> Admitted:
    """Python files of the installed packages (all, or those of `names`) and of the standard library.

    `exclude` holds glob patterns of paths as in a package's RECORD. Raises SourceError for a name that
    is not installed.
    """
    patterns = exclude or []
    if stdlib:
        yield from read_stdlib(config, patterns if stdlib_tests else [*patterns, *STDLIB_TESTS])
    if packages:
        for name, distribution in installed(names):
            yield from read_distribution(config, name, distribution, patterns)


def installed(names: list[str] | None) -> Iterator[tuple[str, Distribution]]:
    """Installed distributions by normalised name, the first of a name on the path, in name order."""
    found: dict[str, Distribution] = {}
    for distribution in distributions():
        found.setdefault(normalise(distribution.metadata["Name"] or ""), distribution)
    wanted = sorted(found) if names is None else [normalise(name) for name in names]
    for name in wanted:
        if name not in found:
            raise SourceError(
                f"source distributions: expected {name} to be installed, found it is not; "
                f"install it or correct `names`"
            )
        yield name, found[name]


def normalise(name: str) -> str:
    """A distribution's name as the packaging standard compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


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
    outside = [path for path in wanted if path.startswith("../")]
    yield from (skip(origin, path, "outside the package folder") for path in outside)
    files = (
        SourceFile(path, partial(load_file, Path(str(distribution.locate_file(path)))))
        for path in wanted
        if path not in outside and not any(fnmatch(path, pattern) for pattern in exclude)
    )
    yield from admit_files(origin, files, config)


def read_stdlib(config: SourcesConfig, exclude: list[str]) -> Admitted:
    """Documents of the running interpreter's standard library; repository `python-stdlib`."""
    root = Path(sysconfig.get_path("stdlib"))
    origin = Origin("distributions", "python-stdlib", python_version(), "psf")
    listed = [
        entry
        for entry in list_folder(root, origin, tuple(config.suffixes))
        if not any(fnmatch(entry.path, pattern) for pattern in exclude)
        and "-packages" not in entry.path.split("/")[0]
    ]
    yield from (entry for entry in listed if isinstance(entry, Skipped))
    files = (entry for entry in listed if isinstance(entry, SourceFile))
    yield from admit_files(origin, files, config)
