"""The sections of the report."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer.pipeline import STAGES, Recipe
from trainer.report.figures import Figure, Panel, Series, panel_of
from trainer.report.run_files import number, read_curves, read_json, read_settings
from trainer.runtime.metrics import read_lines
from trainer.runtime.old_settings import recorded, translate

SAMPLES = 20
"""Of the completions before and after that are shown, those that changed first."""
MARKED_ITERATIONS = 6

TRAINING = (
    ("loss", "nats", ("loss",)),
    ("bits per byte, held out", "bits", ("bits_per_byte",)),
    ("loss, held out", "nats", ("heldout_loss",)),
    ("accuracy", "share", ("accuracy",)),
    ("gradient norm", "", ("grad_norm",)),
    ("factor on the learning rate", "", ("lr",)),
)
"""Panels of a stage that trains: title, unit, names of curves."""

PPO = (
    ("reward", "", ("reward",)),
    ("parts of the reward", "", ("parts/",)),
    ("KL to the reference", "nats a completion", ("kl",)),
    ("KL coefficient", "", ("coefficient",)),
    ("entropy", "nats a token", ("entropy",)),
    ("clipped", "share", ("learning/clipped", "learning/value_clipped")),
    ("value loss", "", ("learning/value_loss",)),
    ("length", "tokens", ("tokens",)),
    ("without a score", "completions", ("skipped",)),
    ("held out: reward", "", ("heldout/reward",)),
    ("held out: valid and exact", "share", ("heldout/valid", "heldout/exact")),
    ("held out: bits per byte", "bits", ("heldout/bits_per_byte",)),
)
"""Panels of stage ppo; a name that ends in a slash takes all curves below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    code: frozenset[str] = frozenset()
    """Columns whose cells are code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the report."""

    title: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


def read_sections(run: Path) -> list[Section]:
    """All that the run has something for."""
    found = [Section(title="Stages", tables=(stage_table(run),))]
    for stage in ("pretrain", "sft"):
        found.append(training_section(run, stage))
    found += [preferences_section(run), reward_section(run), ppo_section(run)]
    found += [samples_section(run), evaluation_section(run)]
    return [part for part in found if part.paragraphs or part.figures or part.tables]


def stage_table(run: Path) -> Table:
    """Each stage with its time and what differs from the defaults."""
    rows = []
    for stage in STAGES:
        if not (run / stage.name).is_dir():
            continue
        done = read_json(run / stage.name / "done.json")
        seconds = f"{done['seconds']:,.1f}" if "seconds" in done else "-"
        state = "done" if done else "underway"
        changed = "; ".join(changed_settings(stage.name, done.get("config") or {}))
        rows.append((stage.name, state, seconds, changed))
    head = ("stage", "state", "seconds", "settings that are not the defaults")
    return Table(caption="What was run", head=head, rows=tuple(rows), code=frozenset(head[3:]))


def changed_settings(stage: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Settings of a stage whose value is not the default's."""
    defaults = recorded(getattr(Recipe(), stage))
    for full, value in translate(config, f"{stage}.").items():
        name = full.removeprefix(f"{stage}.")
        if defaults.get(name) != value:
            yield f"{name}={json.dumps(value, ensure_ascii=False)}"


def training_section(run: Path, stage: str) -> Section:
    """Curves and figures of a stage that trains."""
    curves = read_curves(run / stage / "metrics.jsonl")
    panels = tuple(make_panels(TRAINING, curves, "step"))
    figures = (Figure(stage, panels),) if panels else ()
    summary = read_json(run / stage / "training.json")
    return Section(title=f"Stage {stage}", figures=figures, tables=facts("Figures", summary))


def preferences_section(run: Path) -> Section:
    """What the reward is learned from."""
    report = read_json(run / "preferences" / "report.json")
    head = ("source", "train", "held out", "chosen is longer", "characters longer")
    rows = tuple(
        (
            source,
            str(row["train"]),
            str(row["heldout"]),
            number(row.get("chosen_longer")),
            number(row.get("mean_length_difference")),
        )
        for kind in ("pairs", "labels")
        for source, row in report.get(kind, {}).items()
    )
    tables = (Table(caption="Pairs and labelled texts", head=head, rows=rows),) if rows else ()
    return Section(title="Stage preferences", tables=tables)


def reward_section(run: Path) -> Section:
    """Learning curves, accuracy and calibration of the reward model."""
    section = training_section(run, "reward")
    report = read_json(run / "reward" / "report.json")
    rows = tuple(accuracy_rows(report))
    head = ("held-out pairs or texts", "accuracy", "95 % interval", "n")
    tables = (Table(caption="Accuracy", head=head, rows=rows),) if rows else ()
    points = [(row["confidence"], row["came_true"]) for row in report.get("calibration", [])]
    panel = panel_of("came true, by confidence", "confidence", [("", points)])
    if panel is None:
        return replace(section, tables=section.tables + tables)
    figure = Figure("calibration", (replace(panel, diagonal=True, numbered=True),))
    said = f"Expected calibration error: {number(report.get('calibration_error'))}."
    return replace(
        section,
        paragraphs=(said,),
        figures=(*section.figures, figure),
        tables=section.tables + tables,
    )


def accuracy_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Accuracy in all, by source and by difference of length."""
    named = {"all": report["accuracy"]} if "accuracy" in report else {}
    named |= report.get("accuracy_by_source", {})
    for row in report.get("accuracy_by_length_difference", []):
        low, high = ("…" if bound is None else str(bound) for bound in row["from_to"])
        named[f"chosen text longer by {low} to {high} characters"] = row
    for name, row in named.items():
        interval = f"{row['low']:.1%} to {row['high']:.1%}"
        yield name, f"{row['value']:.1%}", interval, str(row["n"])


def ppo_section(run: Path) -> Section:
    """Curves of every iteration, reward against KL, and held-out figures before and after."""
    folder = run / "ppo"
    curves = read_curves(folder / "metrics.jsonl")
    target = read_settings(run, "ppo").get("kl_target")
    panels = tuple(
        replace(panel, level=target) if panel.title.startswith("KL to") else panel
        for panel in make_panels(PPO, curves, "iteration")
    )
    figures = (Figure("ppo", panels),) if panels else ()
    if frontier := frontier_panel(curves):
        figures = (*figures, Figure("frontier", (frontier,)))
    summary = read_json(folder / "training.json")
    before, after = summary.get("before", {}), summary.get("after", {})
    rows = tuple(
        (
            name,
            *map(number, (before[name], after[name], after[name] - before[name])),
            interval_of(summary.get("changes", {}).get(name)),
        )
        for name in before
        if name in after
    )
    head = ("held out", "before", "after", "change", "95 % interval")
    tables = (Table(caption="Before and after", head=head, rows=rows),) if rows else ()
    harm = summary.get("figures", {}).get("ended early")
    return Section(
        title="Stage ppo",
        paragraphs=(
            *((f"Ended early: {harm}.",) if harm else ()),
            *(f"To look at: {warning}." for warning in summary.get("warnings", ())),
        ),
        figures=figures,
        tables=facts("Figures", {"figures": summary.get("figures", {})}) + tables,
    )


def interval_of(change: Mapping[str, float] | None) -> str:
    """The bounds of a change; "" where it was not measured completion by completion."""
    return f"{number(change['low'])} to {number(change['high'])}" if change else ""


def frontier_panel(curves: Mapping[str, list[tuple[float, float]]]) -> Panel | None:
    """Reward against KL, a point an iteration, some marked with their number."""
    kl = dict(curves.get("kl", []))
    points = [(kl[step], reward, step) for step, reward in curves.get("reward", []) if step in kl]
    if len(points) < 2:
        return None
    every = max(1, (len(points) - 1) // (MARKED_ITERATIONS - 1))
    last = len(points) - 1
    marks = tuple(
        f"{step:g}" if at % every == 0 or at == last else ""
        for at, (_, _, step) in enumerate(points)
    )
    xs, ys = tuple(point[0] for point in points), tuple(point[1] for point in points)
    return Panel(
        title="reward against KL, marked by iteration",
        x="KL, nats a completion",
        series=(Series("", xs, ys),),
        numbered=True,
        marks=marks,
    )


def samples_section(run: Path) -> Section:
    """Held-out completions before and after, those that changed first."""
    samples = [json.loads(line) for line in read_lines(run / "ppo" / "samples.jsonl")]
    samples.sort(key=lambda sample: sample["before"] == sample["after"])
    head = ("file", "before the cursor", "a person", "before", "after", "reward")
    rows = tuple(
        (
            sample["path"],
            sample["prefix_tail"].rpartition("\n")[2][-60:],
            *(sample[name] for name in ("truth", "before", "after")),
            f"{number(sample['reward_before'])} → {number(sample['reward_after'])}",
        )
        for sample in samples[:SAMPLES]
    )
    changed = sum(sample["before"] != sample["after"] for sample in samples)
    said = (f"{changed} of {len(samples)} held-out completions changed.",) if samples else ()
    table = Table(caption="Completions", head=head, rows=rows, code=frozenset(head[1:5]))
    return Section(title="Before and after", paragraphs=said, tables=(table,) if rows else ())


def evaluation_section(run: Path) -> Section:
    """The evaluation table."""
    rows = tuple(
        (
            row["metric"],
            f"{row['value']:.4g} {row['unit']}",
            f"{row['low']:.4g} to {row['high']:.4g}",
            f"{row['n']:,}",
            row["note"],
        )
        for row in read_json(run / "evaluate" / "evaluation.json").get("rows", [])
    )
    head = ("metric", "value", "95 % interval", "cases", "note")
    tables = (Table(caption="Figures of the exported model", head=head, rows=rows),) if rows else ()
    return Section(title="Evaluation", tables=tables)


def facts(caption: str, summary: Mapping[str, Any]) -> tuple[Table, ...]:
    """A table of a summary's plain figures; those of the card where it has such."""
    named = summary.get("figures", summary)
    rows = tuple(
        (name, number(value) if isinstance(value, float) else str(value))
        for name, value in named.items()
        if isinstance(value, str | int | float)
    )
    return (Table(caption=caption, head=("figure", "value"), rows=rows),) if rows else ()


def make_panels(
    wanted: Sequence[tuple[str, str, tuple[str, ...]]],
    curves: Mapping[str, list[tuple[float, float]]],
    x: str,
) -> Iterator[Panel]:
    """A panel for each of those wanted that there are curves for."""
    for title, unit, names in wanted:
        found = [
            (curve.rpartition("/")[2] if len(names) > 1 or name.endswith("/") else "", points)
            for name in names
            for curve, points in curves.items()
            if curve == name or (name.endswith("/") and curve.startswith(name))
        ]
        if panel := panel_of(f"{title}, {unit}" if unit else title, x, found):
            yield panel
