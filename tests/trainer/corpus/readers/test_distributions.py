"""Installed packages and the standard library are sources with their versions and licences."""

from importlib.metadata import version
from platform import python_version

import pytest

from trainer.corpus.config import SourcesConfig
from trainer.corpus.document import Document
from trainer.corpus.readers.distributions import DistributionsSource
from trainer.errors import SourceError


def read(source: DistributionsSource) -> list[Document]:
    return [item for item in source.read(SourcesConfig()) if isinstance(item, Document)]


def test_a_named_distribution_gives_its_files_with_version_and_licence() -> None:
    documents = read(DistributionsSource(names=["PyTest"], exclude=["_pytest/*"]))
    assert {(document.repo, document.commit) for document in documents} == {
        ("pytest", version("pytest"))
    }
    assert {document.licence for document in documents} == {"mit"}
    assert "pytest/__init__.py" in {document.path for document in documents}
    assert not [document for document in documents if document.path.startswith("_pytest/")]


def test_the_standard_library_comes_without_its_tests_and_without_installed_packages() -> None:
    documents = read(DistributionsSource(packages=False, stdlib=True, exclude=["encodings/*"]))
    paths = {document.path for document in documents}
    assert {(d.repo, d.commit, d.licence) for d in documents} == {
        ("python-stdlib", python_version(), "psf")
    }
    assert {"json/__init__.py", "argparse.py"} <= paths
    assert not [path for path in paths if "packages/" in path or "/test/" in f"/{path}"]
    assert not [path for path in paths if path.startswith("encodings/")]


def test_a_distribution_that_is_not_installed_is_named_in_one_line() -> None:
    with pytest.raises(SourceError, match="expected no-such-thing to be installed"):
        read(DistributionsSource(names=["No.Such_Thing"]))
