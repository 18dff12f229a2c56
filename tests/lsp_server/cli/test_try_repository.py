"""`lory try` as a command: files that it writes, and errors as one line."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer.main

from lsp_server.bench.config import OWN_SERVER
from lsp_server.bench.editors import EditorName
from lsp_server.cli.main import whole_app
from lsp_server.cli.try_repository import servers_to_try
from tests.lsp_server.bench.commits.repositories import make_repository
from tests.lsp_server.cli.test_main import run


def test_two_bundles_are_tried_side_by_side_on_the_same_places(
    tmp_path: Path, small_bundle: Path
) -> None:
    folder = make_repository(
        tmp_path / "shop", {"m.py": "x = 1\n"}, {"m.py": "x = 1\ntotal = x + 1\n"}
    )
    page, figures = tmp_path / "page.html", tmp_path / "figures.json"
    out, errors, code = run(
        *("try", folder, "--no-jedi", "--model", small_bundle, "--commits", "1"),
        *("--html", page, "--json", figures),
    )
    assert (errors, code) == ("", 0)
    said = " ".join(out.split())
    assert "Of 13 characters that the last commit with Python added to shop" in said
    found = json.loads(figures.read_text())
    assert [server["typing"]["characters"] for server in found["servers"]] == [13, 13]
    assert found["servers"][1]["saved_change"] is not None
    assert page.read_text().startswith("<!doctype html>")


def test_what_is_no_repository_or_has_no_python_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", make_repository(tmp_path / "r", {"a.txt": "one\n"})):
        out, errors, code = run("try", folder)
        assert (out, code) == ("", 2)
        assert errors.startswith("lory: expected ")
        assert errors.count("\n") == 1


def test_a_bundle_that_is_none_is_said_before_anything_is_typed(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", {"a.py": "one = 1\n"})
    _, errors, code = run("try", folder, "--model", tmp_path / "none")
    assert code == 2
    assert "expected a bundle" in errors


def test_one_model_is_tried_beside_lorys_own_and_two_beside_each_other(small_bundle: Path) -> None:
    def bundles(*models: Path) -> list[str]:
        found = servers_to_try([str(model) for model in models], EditorName.PLAIN, 20.0, jedi=False)
        assert all(server.config.command == OWN_SERVER for server in found)
        return [server.config.options.get("bundle", "") for server in found]

    own = str(small_bundle.resolve())
    assert bundles() == [""]
    assert bundles(small_bundle) == ["", own]
    assert bundles(small_bundle, small_bundle) == [own, own]


@pytest.mark.parametrize(
    "words",
    [
        ("try",),
        ("model", "bench"),
        ("bench", "replay"),
        ("bench", "compare"),
        ("bench", "snippets"),
    ],
    ids=" ".join,
)
def test_a_command_that_waits_for_a_server_can_be_told_to_wait_longer(
    words: tuple[str, ...],
) -> None:
    """What `wait_until_ready` and `wait_until_read` raise names the option."""
    command: Any = typer.main.get_command(whole_app())
    for word in words:
        command = command.commands[word]
    assert any("--ready" in parameter.opts for parameter in command.params)


def test_a_server_that_is_not_ready_in_the_time_that_is_given_is_an_error(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", {"a.py": "one = 1\n"}, {"a.py": "one = 1\ntwo = 2\n"})
    _, errors, code = run("try", folder, "--no-jedi", "--ready", "0.001")
    assert code == 2
    assert "within 0.001 s" in errors
