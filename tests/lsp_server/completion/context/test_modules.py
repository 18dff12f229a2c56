"""Imports lead where Python's would, and nothing is run or opened that must not be."""

import os
import threading
from pathlib import Path, PurePosixPath

import pytest

from lsp_server.completion.context.modules import Found, resolve
from lsp_server.completion.context.outline import read_module
from lsp_server.completion.context.texts import ProjectTexts
from lsp_server.project.reading.source_file import LARGEST
from tests.lsp_server.completion.context.conftest import Project

THING = 'def thing(a):\n    """What it does."""\n    raise SystemExit("run")\n'


def find(project: Project, statement: str, name: str = "app/main.py") -> Found | None:
    """What the first name of an import statement in a file leads to."""
    cursor = project.cursor(name, statement + "\n|")
    texts = ProjectTexts().at(cursor)
    return resolve(read_module(statement).imports[0], texts.place, texts)


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("app/other.py", "from .other import thing"),
        ("app/__init__.py", "from . import thing"),
        ("other.py", "from ..other import thing"),
        ("other.py", "from other import thing"),
        ("app/sub/__init__.py", "from app.sub import thing"),
        ("src/pkg/deep/other.py", "from pkg.deep.other import thing"),
        ("lib/pkg/other.pyi", "from pkg.other import thing as renamed"),
        ("app/src/pkg/other.py", "from pkg.other import thing"),
    ],
)
def test_a_name_is_found_in_the_file_that_defines_it(
    project: Project, file: str, statement: str
) -> None:
    project.write(file, THING)
    found = find(project, statement)
    assert found is not None
    assert found.source.path == file
    assert found.definition is not None
    assert found.definition.head == 'def thing(a):\n    """What it does."""\n'


def test_a_module_is_found_by_either_import(project: Project) -> None:
    project.write("pkg/other.py", THING)
    for statement in ("import pkg.other", "from pkg import other", "import pkg.other as o"):
        found = find(project, statement)
        assert found is not None
        assert (found.source.path, found.definition) == ("pkg/other.py", None)


def test_a_name_that_a_package_passes_on_is_followed_to_its_definition(project: Project) -> None:
    project.write("pkg/__init__.py", "from .api import thing\nfrom .api import old as new\n")
    project.write("pkg/api.py", "from pkg._impl import thing\n\ndef old(): ...\n")
    project.write("pkg/_impl.py", THING)
    found = find(project, "from pkg import thing")
    assert found is not None
    assert found.source.path == "pkg/_impl.py"
    renamed = find(project, "from pkg import new")
    assert renamed is not None
    assert renamed.definition is not None
    assert renamed.definition.name == "old"


def test_packages_that_import_each_other_end_the_search(project: Project) -> None:
    project.write("a.py", "from b import thing\n")
    project.write("b.py", "from a import thing\nfrom b import thing\n")
    assert find(project, "from a import thing") is None


@pytest.mark.parametrize(
    "statement",
    ["from os import path", "import missing", "from ....... import x", "from . import q"],
)
def test_what_is_not_in_the_project_is_not_found(project: Project, statement: str) -> None:
    assert find(project, statement) is None


def test_a_file_with_mistakes_still_gives_what_it_defines(project: Project) -> None:
    project.write("other.py", THING + "\nclass Broken(:\n  def\n")
    assert find(project, "from other import thing") is not None


def test_an_open_document_holds_whatever_the_disk_says(project: Project) -> None:
    project.write("other.py", "def gone(): ...\n")
    project.open("other.py", "def here(b): ...\n")
    found = find(project, "from other import here")
    assert found is not None
    assert found.definition is not None
    assert found.definition.head == "def here(b): ...\n"


def test_a_file_that_changes_is_read_again(project: Project) -> None:
    path = project.write("other.py", "def one(): ...\n")
    cursor = project.cursor("app/main.py", "|")
    texts = ProjectTexts()
    before = texts.at(cursor).read(PurePosixPath(path))
    assert texts.at(cursor).read(PurePosixPath(path)) is before
    path.write_text("def two_(): ...\n")
    os.utime(path, ns=(1, 1))
    after = texts.at(cursor).read(PurePosixPath(path))
    assert after is not None
    assert after.text == "def two_(): ...\n"


def test_excluded_files_are_never_opened(project: Project, opened: list[str]) -> None:
    project.exclude = ("**/private/**",)
    project.write("private/other.py", THING)
    project.write("secrets.py", THING)
    (project.root / "link.py").symlink_to(project.root / "private" / "other.py")
    opened.clear()
    for statement in (
        "from private.other import thing",
        "from secrets import thing",
        "from link import thing",
    ):
        assert find(project, statement) is None
    assert not [name for name in opened if "other.py" in name or "secrets" in name]


def test_the_cursors_own_file_is_never_opened(project: Project, opened: list[str]) -> None:
    project.write("app/main.py", THING)
    (project.root / "app" / "alias.py").symlink_to(project.root / "app" / "main.py")
    opened.clear()
    for statement in (
        "from app.main import thing",
        "from .main import thing",
        "from .alias import thing",
    ):
        assert find(project, statement) is None
    assert not [name for name in opened if "main.py" in name or "alias.py" in name]


def test_files_outside_of_the_workspace_are_never_opened(
    project: Project, tmp_path: Path, opened: list[str]
) -> None:
    (tmp_path / "outside.py").write_text(THING)
    (project.root / "link.py").symlink_to(tmp_path / "outside.py")
    opened.clear()
    for statement in (
        "from ...outside import thing",
        "from outside import thing",
        "from link import thing",
    ):
        assert find(project, statement) is None
    assert not [name for name in opened if "outside.py" in name]


def test_huge_binary_and_strange_files_count_as_missing(project: Project) -> None:
    project.write("huge.py", THING + "#" * LARGEST)
    project.write("binary.py", THING.encode() + b"\0\xff\xfe")
    project.write("latin.py", THING.encode() + "# café".encode("latin-1"))
    (project.root / "folder.py").mkdir()
    (project.root / "loop.py").symlink_to(project.root / "loop.py")
    os.mkfifo(project.root / "pipe.py")
    for name in ("huge", "binary", "latin", "folder", "loop", "pipe"):
        assert find(project, f"from {name} import thing") is None


def test_no_import_is_run(project: Project) -> None:
    project.write("other.py", f"import threading\nthreading.main_thread().touched = 1\n{THING}")
    assert find(project, "from other import thing") is not None
    assert not hasattr(threading.main_thread(), "touched")


def test_a_file_with_another_name_is_not_shown(project: Project) -> None:
    project.write(".env", "thing = 'secret'\n").parent.joinpath("other.py").hardlink_to(
        project.root / ".env"
    )
    cursor = project.cursor("main.py", "from other import thing\n|")
    assert ProjectTexts().at(cursor).read(PurePosixPath(project.root / "other.py")) is None
