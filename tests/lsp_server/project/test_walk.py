"""Which files of a project are read, and which are never opened."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.documents.exclusions import NEVER_READ, Exclusions
from lsp_server.project import walk
from lsp_server.project.walk import Rules, find_files, is_inside, root_of

RULES = Rules(("python",), Exclusions(NEVER_READ))


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x = 1\n")


def excluding(*globs: str) -> Rules:
    return Rules(("python",), Exclusions(globs))


def found(root: Path, rules: Rules = RULES) -> list[str]:
    """Files found, relative to the folder; each one also passes when asked alone."""
    roots = [root_of(str(root))]
    exclusions = replace(rules.exclusions, roots=(roots[0].shown, roots[0].real))
    rules = replace(rules, exclusions=exclusions)
    paths = list(find_files(roots, rules))
    assert all(is_inside(path, roots, rules) for path in paths)
    return [os.path.relpath(path, roots[0].real) for path in paths]


def test_the_nearest_files_come_first(tmp_path: Path) -> None:
    write(tmp_path, "b/c/d.py", "z.py", "b/a.pyi", "a.py", "notes.txt", "b/c.pyc")
    assert found(tmp_path) == ["a.py", "z.py", "b/a.pyi", "b/c/d.py"]


def test_a_language_that_is_off_has_no_files(tmp_path: Path) -> None:
    write(tmp_path, "a.py")
    for languages in ((), ("lua",)):
        assert found(tmp_path, Rules(languages, Exclusions(()))) == []


def test_what_others_wrote_or_programs_made_is_left_out(tmp_path: Path) -> None:
    foreign = (".hidden/a.py", "node_modules/a.py", "lib/site-packages/a.py", "build/lib/a.py")
    write(tmp_path, "a.py", "src/a.py", "env/pyvenv.cfg", "env/lib/a.py", *foreign)
    write(tmp_path, "conda/conda-meta/history", "conda/a.py")
    assert found(tmp_path) == ["a.py", "src/a.py"]
    roots = [root_of(str(tmp_path))]
    for name in ("env/lib/a.py", "conda/a.py", *foreign):
        assert not is_inside(f"{roots[0].real}/{name}", roots, RULES), name


def test_a_file_outside_of_every_folder_is_not_inside(tmp_path: Path) -> None:
    write(tmp_path, "in/a.py", "in2/a.py")
    roots = [root_of(str(tmp_path / "in"))]
    assert is_inside(f"{roots[0].real}/a.py", roots, RULES)
    assert not is_inside(f"{roots[0].real}2/a.py", roots, RULES)


def test_excluded_files_and_folders_are_left_out_by_either_name(tmp_path: Path) -> None:
    write(tmp_path, "real/a.py", "real/private/b.py", "real/secrets.py", "real/c.py")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    link = tmp_path / "link"
    assert found(link, excluding("private", "secrets*")) == ["a.py", "c.py"]
    for name in ("link", "real"):
        others = ["a.py", "secrets.py", "private/b.py"]
        assert found(link, excluding(f"{tmp_path}/{name}/c.py")) == others
        assert found(link, excluding(f"{tmp_path}/{name}/**")) == []


def test_folders_above_the_workspace_exclude_nothing(tmp_path: Path) -> None:
    write(tmp_path, "secrets-service/.envs/a.py", "secrets-service/.envs/secrets/b.py")
    assert found(tmp_path / "secrets-service" / ".envs") == ["a.py"]


def test_links_are_not_followed_so_loops_end(tmp_path: Path) -> None:
    write(tmp_path, "project/a.py", "outside/secret.py")
    project = tmp_path / "project"
    (project / "loop").symlink_to(project)
    (project / "out").symlink_to(tmp_path / "outside")
    (project / "link.py").symlink_to(tmp_path / "outside" / "secret.py")
    (project / "dangling.py").symlink_to(tmp_path / "nowhere.py")
    assert found(project) == ["a.py"]


def test_pipes_and_folders_with_a_sources_name_are_no_files(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "folder.py/b.py")
    os.mkfifo(tmp_path / "pipe.py")
    assert found(tmp_path) == ["a.py", "folder.py/b.py"]


def test_a_folder_inside_another_is_walked_once(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "sub/b.py")
    roots = [root_of(str(tmp_path)), root_of(str(tmp_path / "sub")), root_of(f"{tmp_path}/")]
    assert len(list(find_files(roots, RULES))) == 2


def test_folders_that_are_not_there_or_cannot_be_listed_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "closed/b.py")
    (tmp_path / "closed").chmod(0)
    names = found(tmp_path)
    (tmp_path / "closed").chmod(0o755)
    assert names == (["a.py"] if os.geteuid() else ["a.py", "closed/b.py"])
    assert found(tmp_path / "nowhere") == []
    assert found(tmp_path / "a.py") == []


def test_a_folder_whose_name_leads_too_deep_is_passed_over(tmp_path: Path) -> None:
    """A path longer than the system takes: unreadable for any user."""
    write(tmp_path, "a.py", "z/b.py")
    deep, here = "d" * 200, os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(25):
            os.mkdir(deep)
            os.chdir(deep)
        Path("c.py").write_text("x = 1\n")
    finally:
        os.chdir(here)
    assert found(tmp_path) == ["a.py", "z/b.py"]


def test_the_number_of_files_and_of_entries_looked_at_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, *(f"f{folder}/{file}.py" for folder in range(5) for file in range(5)))
    monkeypatch.setattr(walk, "MOST_FILES", 7)
    assert len(found(tmp_path)) == 7
    monkeypatch.setattr(walk, "MOST_ENTRIES", 8)
    assert len(found(tmp_path)) == 5
