"""The command line: what it prints, and errors as one line with exit code 2."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server import __version__


def run(*arguments: str | Path, folder: Path | None = None) -> tuple[str, str, int]:
    """Standard output, standard error and exit code of one command."""
    command = [sys.executable, "-m", "lsp_server", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return done.stdout, done.stderr, done.returncode


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to complete in."""
    path = tmp_path / "my code.py"
    path.write_text("import argparse\n\nparser = argparse.Argu\n")
    return path


def test_the_plugins_are_listed_with_their_distribution() -> None:
    out, _, code = run("plugins")
    rows = [line.split("│")[1:-1] for line in out.splitlines() if "│" in line]
    found = {tuple(cell.strip() for cell in row) for row in rows}
    assert ("onnx", "lory.engines", "lory-lsp", __version__) in found
    assert ("file", "lory.contexts", "lory-lsp", __version__) in found
    assert ("likely", "lory.filters", "lory-lsp", __version__) in found
    assert code == 0


def test_the_version_and_every_command_are_told() -> None:
    assert run("--version") == (f"lory {__version__}\n", "", 0)
    out, _, _ = run("--help")
    for command in ("lsp", "complete", "try", "bench", "bundle", "plugins"):
        assert f" {command} " in out


def test_a_place_is_completed_by_a_bundle(source: Path, small_bundle: Path) -> None:
    settings = '{"min_probability": 0.0, "min_characters": 1, "max_tokens": 8}'
    place = f"{source.name}:3:23"
    how = ("complete", place, "--bundle", small_bundle, "--settings", settings)
    out, errors, code = run(*how, "--json", folder=source.parent)
    assert (errors, code) == ("", 0)
    record = json.loads(out)
    assert record["prefix"].endswith("\nparser = argparse.Argu")
    assert record["milliseconds"] > 0
    for offer in record["offers"]:
        assert offer["text"]
        assert 0 < offer["probability"] <= 1
    out, _, code = run(*how, folder=source.parent)
    assert out.startswith("prefix      import argparse\n")
    assert out.splitlines()[-2].endswith(" ms")
    assert out.splitlines()[-1].endswith("small 0.1.0, engine onnx on CPU, in python")
    assert code == 0


def test_every_station_tells_why_if_asked(source: Path, small_bundle: Path) -> None:
    how = ("complete", f"{source.name}:3:23", "--bundle", small_bundle, "--why")
    settings = '{"min_probability": 1.0}'
    out, errors, code = run(*how, "--settings", settings, folder=source.parent)
    assert (errors, code) == ("", 0)
    told = {line.split()[0]: line for line in out.splitlines() if not line.startswith(" ")}
    assert told["suggestion"].startswith("suggestion  none. Nothing was shown: ")
    for station in ("document", "request", "model", "prompt", "engine", "filter"):
        assert station in told
    assert "(end)" in out.splitlines()[-1]
    out, _, _ = run(*how, "--json", "--settings", settings, folder=source.parent)
    why = json.loads(out)["why"]
    assert why["summary"] in told["suggestion"]
    assert why["request"]["position"] == {"line": 2, "character": 22}
    assert why["request"]["stations"][-1]["verdict"] == "stopped"


def test_other_files_of_the_working_folder_are_read_as_in_an_editor(source: Path) -> None:
    call = "    frobnicator.reticulate_splines(quux_depth=17)\n"
    other = "".join(f"def step_{number}(frobnicator):\n{call}\n" for number in range(6))
    source.write_text("def last(frobnicator):\n    frobnicator.reticul\n")
    place = f"{source.name}:2:24"
    without, _, _ = run("complete", place, folder=source.parent)
    (source.parent / "other.py").write_text(other)
    with_it, errors, code = run("complete", place, folder=source.parent)
    assert (errors, code) == ("", 0)
    assert "ate_splines(quux_depth=17)" in with_it
    assert "ate_splines" not in without


def test_a_bundle_is_checked_and_shown(small_bundle: Path) -> None:
    out, errors, code = run("bundle", "check", small_bundle)
    assert "in order" in out
    assert (errors, code) == ("", 0)
    out, _, code = run("bundle", "show", small_bundle)
    assert "bits per byte" in out
    assert "python" in out
    assert code == 0


def test_a_bundle_with_a_flipped_byte_is_one_line_and_exit_code_2(
    small_bundle: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(small_bundle, tmp_path / "b 1"))
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)
    for command in ("check", "show"):
        out, errors, code = run("bundle", command, folder)
        assert (out, code) == ("", 2)
        assert errors.startswith("lory: ")
        assert "sha256" in errors
        assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("complete", "a.py"), "expected FILE:LINE:COLUMN, found 'a.py'"),
        (("complete", "a.py:x:1"), "expected FILE:LINE:COLUMN, found 'a.py:x:1'"),
        (("complete", "none.py:1:1"), "expected a UTF-8 text file, found"),
        (("complete", "{source}:9:1"), "expected a line from 1 to 4, found 9"),
        (("complete", "{source}:1:99"), "expected a column from 1 to 16, found 99"),
        (("complete", "{source}:0:1"), "expected a line from 1 to 4, found 0"),
        (("complete", ".env:1:1"), "expected a file that may be read, found .env"),
        (
            ("complete", ".env:1:1", "--settings", '{{"exclude": []}}'),
            "expected a file that may be read, found .env",
        ),
        (("complete", "{source}:1:1", "--settings", "{{"), "--settings: expected JSON"),
        (("complete", "{source}:1:1", "--settings", '{{"thread": 1}}'), "unknown setting 'thread'"),
        (("complete", "{source}:1:1", "--bundle", "none"), "expected a bundle with its"),
        (("bundle", "check", "none"), "expected a bundle with its bundle.json, found none"),
        (("lsp", "--stdio", "--tcp", "0"), "expected --stdio or --tcp, found both"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    source: Path, arguments: tuple[str, ...], said: str
) -> None:
    filled = [argument.format(source=source) for argument in arguments]
    out, errors, code = run(*filled, folder=source.parent)
    assert (out, code) == ("", 2)
    assert errors.startswith("lory: ")
    assert said in errors
    assert errors.count("\n") == 1


def test_a_module_in_the_working_folder_is_never_imported(tmp_path: Path) -> None:
    for name in ("typer", "pygls", "tokenizers", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    assert run("--version", folder=tmp_path) == (f"lory {__version__}\n", "", 0)


def test_a_bundle_is_found_from_the_working_folder_by_who_reads_the_project_too(
    small_bundle: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_bundle, tmp_path / "my bundle")
    (tmp_path / "app.py").write_text("import json\n\nvalue = json.\n")
    (tmp_path / "other.py").write_text("value = json.loads('1')\n")
    command = ("complete", "app.py:3:14", "--bundle", "my bundle", "--json")
    out, errors, code = run(*command, folder=tmp_path)
    assert (errors, code) == ("", 0)
    assert "offers" in json.loads(out)


@pytest.mark.parametrize("link", ["link.py", "folder/app.py"])
def test_a_file_is_not_completed_over_a_link_to_what_is_excluded(tmp_path: Path, link: str) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "app.py").write_text("x = 1\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "private" / "app.py")
    (tmp_path / "folder").symlink_to(tmp_path / "private")
    rules = json.dumps({"exclude": ["private/**"]})
    out, errors, code = run("complete", f"{link}:1:1", "--settings", rules, folder=tmp_path)
    assert (out, code) == ("", 2)
    assert "which 'private/**' excludes" in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ("[/b]",),
        ("complete", "x[/b]:1:1"),
        ("bundle", "show", "x[/b]"),
        ("feedback", "export", "--format", "[/b]"),
        ("feedback", "purge", "--before", "[/b]"),
    ],
)
def test_what_a_user_types_is_never_markup(arguments: tuple[str, ...], tmp_path: Path) -> None:
    out, errors, code = run(*arguments, folder=tmp_path)
    assert code == 2
    assert "[/b]" in errors
    assert "Traceback" not in errors
