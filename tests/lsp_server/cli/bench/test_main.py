"""`lory bench` from its command line to its report, with a small real server."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lsp_server.bench.machine import processor_name
from lsp_server.cli.bench.main import app
from lsp_server.errors import BenchError

SMALL_SERVER = Path(__file__).parents[2] / "bench" / "small_server.py"
CODE = "".join(f"value_{i} = compute({i})\n" for i in range(12))


def run(*words: str) -> str:
    """The command's output; its own exceptions come through."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_replay_prints_a_table_and_a_row_and_writes_every_figure(tmp_path: Path) -> None:
    workspace = tmp_path / "my code"
    workspace.mkdir()
    (workspace / "m.py").write_text(CODE)
    server = shlex.join([sys.executable, str(SMALL_SERVER), "truth", str(workspace / "m.py")])
    figures = tmp_path / "figures.json"
    options = [
        "--blocks",
        "1",
        "--points",
        "3",
        "--seed",
        "5",
        "--timeout",
        "60",
        "--json",
        str(figures),
    ]
    options += ["--option", "a.b=1", "--editor", "plain", "--gaps", "0"]
    output = run("replay", "--files", str(workspace), "--server", server, *options)
    assert "acceptance" in output
    assert "| small 1.2 | 95.7% [95.7%, 95.7%] | 100.0% [100.0%, 100.0%] | 100.0%" in output
    written: dict[str, Any] = json.loads(figures.read_text())
    assert written["server"] == {
        "name": "small",
        "version": "1.2",
        "encoding": "utf-16",
        "model": "",
    }
    assert written["config"]["seed"] == 5
    assert written["config"]["options"] == {"a": {"b": 1}}
    assert written["config"]["command"] == shlex.split(server)
    assert written["machine"]["cores"] >= 1
    assert len(written["files"]) == 1
    assert len(written["points"]) == 3
    assert written["blocks"][0]["taken"] == written["blocks"][0]["requests"] == 12
    assert written["figures"]["typing"]["saved"]["value"] == pytest.approx(1 - 11 / (len(CODE) - 1))


def test_a_language_without_a_grammar_is_typed_in_a_plain_editor_and_the_table_says_so(
    tmp_path: Path,
) -> None:
    (tmp_path / "m.go").write_text("".join(f"value{i} := compute({i})\n" for i in range(12)))
    server = shlex.join([sys.executable, str(SMALL_SERVER), "truth", str(tmp_path / "m.go")])
    options = ["--blocks", "1", "--points", "0", "--gaps", "0", "--timeout", "60"]
    output = run(
        *("replay", "--files", str(tmp_path), "--server", server, "--language", "go"), *options
    )
    assert "small 1.2, plain, seed 0" in output


def test_a_replay_says_what_changed_since_an_earlier_one_at_the_same_places(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(CODE)
    truth, lies = (
        shlex.join([sys.executable, str(SMALL_SERVER), behaviour, str(tmp_path / "m.py")])
        for behaviour in ("truth", "lies")
    )
    earlier, later = tmp_path / "earlier.json", tmp_path / "later.json"
    common = ["replay", "--files", str(tmp_path), "--timeout", "60", "--blocks", "1"]
    common += ["--editor", "plain", "--gaps", "0"]
    run(*common, "--points", "3", "--server", truth, "--json", str(earlier))
    beside = ["--beside", str(earlier)]
    output = run(*common, "--points", "3", "--server", lies, *beside, "--json", str(later))
    assert "-95.7 [-95.7, -95.7] points" in output
    assert "-100.0 [-100.0, -100.0] points" in output
    assert "0, 3" in output
    written: dict[str, Any] = json.loads(later.read_text())
    assert written["changes"]["beside"] == str(earlier)
    assert (written["changes"]["won"], written["changes"]["lost"]) == (0, 3)
    only_typing = run(*common, "--points", "0", "--server", truth, *beside)
    assert "+0.0 [0.0, 0.0] points" in only_typing
    assert "won" not in only_typing


def test_a_replay_of_other_places_is_told_so_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(CODE)
    earlier = tmp_path / "earlier.json"
    server = shlex.join([sys.executable, str(SMALL_SERVER), "lies", "-"])
    common = ["replay", "--files", str(tmp_path), "--timeout", "60", "--blocks", "0", "--gaps", "0"]
    run(*common, "--points", "3", "--server", server, "--json", str(earlier))
    with pytest.raises(BenchError, match="the 2 points of this replay .* 2 of them among 3"):
        run(*common, "--points", "2", "--server", "no-such-server", "--beside", str(earlier))
    earlier.write_text('{"points": [{"file": "m.py"}]}')
    with pytest.raises(BenchError, match="expected what lory bench replay --json writes in"):
        run(*common, "--points", "2", "--server", "no-such-server", "--beside", str(earlier))


def test_servers_are_compared_in_columns_with_what_the_others_have_less(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(CODE)
    truth, lies = (
        shlex.join([sys.executable, str(SMALL_SERVER), behaviour, str(tmp_path / "m.py")])
        for behaviour in ("truth", "lies")
    )
    figures = tmp_path / "figures.json"
    output = run(
        *("compare", "--files", str(tmp_path), "--server", truth, "--server", lies),
        *("--editor", "plain", "--blocks", "1", "--points", "3", "--gaps", "2"),
        *("--json", str(figures)),
    )
    assert output.count("| small 1.2 |") == 2
    first, second = json.loads(figures.read_text())
    assert first["changes"] is None
    assert second["changes"]["saved"]["value"] == pytest.approx(-(1 - 11 / (len(CODE) - 1)))
    assert second["changes"]["lost"] == 3
    assert [gap["kind"] for gap in first["gaps"]] == [gap["kind"] for gap in second["gaps"]]


def test_a_replay_with_gaps_goes_beside_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(CODE)
    earlier = tmp_path / "earlier.json"
    server = shlex.join([sys.executable, str(SMALL_SERVER), "lies", "-"])
    common = ["replay", "--files", str(tmp_path), "--timeout", "60", "--blocks", "1"]
    common += ["--points", "0", "--gaps", "2", "--server", server]
    run(*common, "--json", str(earlier))
    output = run(*common, "--beside", str(earlier), "--json", str(tmp_path / "later.json"))
    assert "saved at gaps, asked" in output
    changes = json.loads((tmp_path / "later.json").read_text())["changes"]
    assert changes["faults_asked"]["repeat"]["value"] == 0.0


def test_gaps_alone_are_compared_in_both_ways(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(CODE)
    server = shlex.join([sys.executable, str(SMALL_SERVER), "lies", "-"])
    common = ["--files", str(tmp_path), "--server", server, "--blocks", "0", "--points", "0"]
    output = run("compare", *common, "--gaps", "2", "--editor", "plain", "--editor", "vscode")
    assert output.count("| small 1.2 | - | - | - | - | - | - | - | - |") == 2


def test_a_mode_left_out_leaves_its_cells_empty(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(CODE)
    server = shlex.join([sys.executable, str(SMALL_SERVER), "truth", str(tmp_path / "m.py")])
    common = [
        "replay",
        "--files",
        str(tmp_path),
        "--server",
        server,
        "--timeout",
        "60",
        "--gaps",
        "0",
    ]
    assert "| small 1.2 | - | - | 100.0%" in run(*common, "--blocks", "0", "--points", "1")
    assert "| - | - | - |" in run(*common, "--blocks", "1", "--points", "0")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--files", "a", "--list", "b", "--root", "c"],
        ["--list", "b"],
        ["--files", "a", "--root", "c"],
        ["--files", "no such folder"],
        ["--files", ".", "--blocks", "0", "--points", "0", "--gaps", "0"],
        ["--files", ".", "--eol", "cr"],
        ["--files", ".", "--indent", "3"],
        ["--files", ".", "--option", "x"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_one_clear_error(words: list[str]) -> None:
    with pytest.raises(BenchError, match="expected"):
        run("replay", *words)


def test_the_processor_is_read_from_linuxs_facts_where_there_are_any(tmp_path: Path) -> None:
    facts = tmp_path / "cpuinfo"
    facts.write_text("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\n")
    assert processor_name(facts) == "Some CPU @ 3 GHz"
    assert processor_name(tmp_path / "none")
