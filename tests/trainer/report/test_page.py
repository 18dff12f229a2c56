"""The report of a run, whose files the stages' own code has written."""

import base64
import json
import re
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lsp_server.contract.prompt import Parts
from lsp_server.contract.records import write_record
from trainer.alignment.preferences.pairs import Preference
from trainer.alignment.reward_model.figures import describe_pairs
from trainer.cli.main import ReportCommand, main, parse_report
from trainer.errors import RecipeError, StageError
from trainer.pretraining.config import PretrainConfig
from trainer.report.page import write_report
from trainer.report.sections import read_sections
from trainer.runtime.metrics import IterationMetrics, MetricsLog, StepMetrics

PNG = b"\x89PNG\r\n\x1a\n"
CODE = 'x = "<b>|`' + "*_a_*`\n"


class Page(HTMLParser):
    """What a browser would see: texts, pictures, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.titles: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)
        self.words.append(data)


def finish(folder: Path, config: PretrainConfig, seconds: float) -> None:
    record = {"stage": folder.name, "config": asdict(config), "seconds": seconds}
    write_record(folder / "done.json", record)


def pretrained(run: Path) -> Path:
    """A run of pretraining alone, with a step that was not evaluated."""
    folder = run / "pretrain"
    with MetricsLog(folder, 0) as log:
        for step in range(1, 5):
            log.write(
                StepMetrics(
                    step=step,
                    tokens=step * 10,
                    loss=5.0 / step,
                    lr=1.0,
                    grad_norm=0.5,
                    tokens_per_second=1.0,
                    seconds=1.0,
                    bits_per_byte=None if step % 2 else 2.0 / step,
                )
            )
    write_record(folder / "training.json", {"steps": 4, "hardware": "a | test", "sessions": []})
    finish(folder, PretrainConfig(steps=4), 12.34)
    return run


def tuned(run: Path) -> Path:
    """The same with a reward model, iterations of PPO that are not finished, and an evaluation."""
    pretrained(run)
    with MetricsLog(run / "ppo", 0) as log:
        for number in range(1, 9):
            log.write(round_metrics(number))
    summary = {
        "figures": {"iterations": 8, "ended early": "exact match fell by 0.7 points"},
        "before": {"valid": 0.5, "exact": 0.25},
        "after": {"valid": 0.75, "exact": 0.243},
        "changes": {"valid": {"value": 0.25, "low": 0.125, "high": 0.375, "n": 8}},
        "warnings": ["empty: 1.0% before, 9.0% now"],
    }
    write_record(run / "ppo" / "training.json", summary)
    samples = [
        {
            "path": "a.py",
            "prefix_tail": "import os\n    return ",
            "suffix_head": "\n",
            "truth": "os.sep",
            "before": before,
            "after": CODE,
            "reward_before": None,
            "reward_after": 1.5,
        }
        for before in (CODE, "os.linesep")
    ]
    lines = "".join(json.dumps(sample) + "\n" for sample in samples)
    (run / "ppo" / "samples.jsonl").write_text(lines)
    (run / "reward").mkdir()
    pair = Preference(
        prompt=Parts(path="", prefix="", suffix=""),
        chosen="long text",
        rejected="a",
        margin=1.0,
        source="samples",
        group="g",
        heldout=True,
    )
    margins = [2.0, -1.0, 0.5, 0.1]
    write_record(run / "reward" / "report.json", describe_pairs([pair] * len(margins), margins))
    row = {"metric": "exact", "value": 12.5, "low": 10, "high": 15, "n": 400, "unit": "%"}
    (run / "evaluate").mkdir()
    write_record(run / "evaluate" / "evaluation.json", {"rows": [{**row, "note": "a note"}]})
    return run


def round_metrics(number: int) -> IterationMetrics:
    return IterationMetrics(
        step=number,
        rollouts=64 * number,
        reward=0.1 * number,
        parts={"parses": 0.2 * number, "names": 0.3},
        skipped=0,
        kl=0.05 * number,
        coefficient=0.1,
        entropy=1.0,
        explained_variance=0.5,
        tokens=7.0,
        learning={"clipped": 0.1, "value_clipped": 0.2, "value_loss": 0.3},
        seconds=1.0,
        heldout=None if number % 4 else {"valid": 0.1 * number, "exact": 0.2, "reward": 1.0},
    )


def test_a_run_of_pretraining_alone_has_a_page_without_the_other_stages(tmp_path: Path) -> None:
    page = write_report(pretrained(tmp_path / "old"), tmp_path / "out")
    seen = Page(page.read_text())
    assert seen.open == []
    assert seen.titles == ["Stages", "Stage pretrain"]
    assert [path.name for path in tmp_path.joinpath("out").glob("*.png")] == ["pretrain.png"]
    assert "steps=4" in seen.words
    assert "12.3" in seen.words


def test_a_tuned_run_has_every_section_with_its_figures(tmp_path: Path) -> None:
    page = write_report(tuned(tmp_path / "run"), tmp_path / "out")
    seen = Page(page.read_text())
    expected = ["Stages", "Stage pretrain", "Stage reward", "Stage ppo", "Before and after"]
    assert seen.titles == [*expected, "Evaluation"]
    files = {path.stem: path.read_bytes() for path in (tmp_path / "out").glob("*.png")}
    assert files.keys() == {"pretrain", "calibration", "ppo", "frontier"}
    assert all(data.startswith(PNG) for data in files.values())
    words = " ".join(seen.words)
    assert "Ended early: exact match fell by 0.7 points." in words
    assert "To look at: empty: 1.0% before, 9.0% now." in words
    assert "0.125 to 0.375" in words
    assert "1 of 2 held-out completions changed." in words
    assert "0.25 0.243 -0.007" in " ".join(words.split())
    assert "- → 1.5" in words
    assert "10 to 15" in words


def test_the_page_needs_nothing_from_outside_and_says_in_words_what_figures_show(
    tmp_path: Path,
) -> None:
    text = write_report(tuned(tmp_path / "run"), tmp_path / "out").read_text()
    assert not re.findall(r"https?:|<script|<link|url\(", text)
    for image in Page(text).images:
        source, alt = image["src"] or "", image["alt"] or ""
        assert base64.b64decode(source.removeprefix("data:image/png;base64,")).startswith(PNG)
        assert re.search(r"from [\d.]+ to [\d.]+", alt)
    assert "KL to the reference, nats a completion by iteration: from 0.05 to 0.4" in text


def test_the_twin_in_markdown_has_the_same_sections_and_files_that_are_there(
    tmp_path: Path,
) -> None:
    page = write_report(tuned(tmp_path / "run"), tmp_path / "out")
    twin = (tmp_path / "out" / "report.md").read_text()
    assert re.findall("^## (.*)", twin, re.MULTILINE) == Page(page.read_text()).titles
    linked = re.findall(r"!\[.*?\]\((.*?)\)", twin)
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == set(linked)


def test_code_that_looks_like_markup_stays_code_in_both(tmp_path: Path) -> None:
    page = write_report(tuned(tmp_path / "run"), tmp_path / "out")
    assert CODE in Page(page.read_text()).words
    twin = (tmp_path / "out" / "report.md").read_text()
    rows = [line for line in twin.splitlines() if "os.linesep" in line]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 7
    assert "<b>" not in rows[0]
    assert "a \\| test" in twin


def test_the_target_of_a_run_underway_is_that_of_its_recipe(tmp_path: Path) -> None:
    run = tuned(tmp_path / "run")
    (run / "recipe.yaml").write_text("ppo: {kl_target: 2.5}\n")

    def levels() -> list[float | None]:
        figures = [figure for section in read_sections(run) for figure in section.figures]
        panels = [panel for figure in figures if figure.name == "ppo" for panel in figure.panels]
        return [panel.level for panel in panels if panel.title.startswith("KL to the reference")]

    assert levels() == [2.5]
    write_record(run / "ppo" / "done.json", {"config": {"kl_target": 0.5}, "seconds": 1.0})
    assert levels() == [0.5]


def test_a_second_report_leaves_no_figure_of_the_first(tmp_path: Path) -> None:
    write_report(tuned(tmp_path / "run"), tmp_path / "out")
    write_report(pretrained(tmp_path / "old"), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["pretrain.png"]


def test_a_folder_that_is_no_run_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="expected the folder of a run.*found none"):
        write_report(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_writes_the_report_into_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tuned(tmp_path / "runs" / "default")
    (run / "recipe.yaml").write_text("pretrain: {steps: 4}\n")
    with pytest.raises(SystemExit) as caught:
        main(["report", str(run)])
    assert caught.value.code == 0
    assert (run / "report" / "index.html").exists()
    assert str(run / "report" / "index.html") in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["report", str(tmp_path / "nowhere")])
    assert caught.value.code == 2


def test_the_page_goes_where_it_is_wanted_or_into_the_run() -> None:
    assert parse_report(["report", "a", "--out", "b"]) == ReportCommand(Path("a"), Path("b"))
    assert parse_report(["report", "a"]) == ReportCommand(Path("a"), Path("a/report"))
    for wrong in (["report"], ["report", "a", "--pretrain.steps=3"]):
        with pytest.raises(RecipeError):
            parse_report(wrong)
