"""Stage `preferences`: collects pairs and labelled texts from all sources.

pairs.parquet, labels.parquet    see `pairs.py`
report.json                      figures for the card; counts, margins and length bias by source
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from lsp_server.contract.intervals import percentiles
from lsp_server.contract.records import write_record
from trainer.alignment.config import PreferencesConfig
from trainer.alignment.preferences.material import Material
from trainer.alignment.preferences.pairs import (
    GROUP,
    Label,
    Preference,
    PreferenceRow,
    PreferenceSource,
    Unused,
    write_labels,
    write_pairs,
)
from trainer.errors import PreferenceError
from trainer.runtime.progress import watch
from trainer.runtime.run_folder import Inputs


def run(config: PreferencesConfig, inputs: Inputs, out: Path) -> None:
    """Read every source in the recipe's order, and write what they give.

    Raises PreferenceError for a source that cannot be read, and where there is nothing to learn
    from, nothing to measure on, or only one value of a label.
    """
    material = Material(config, inputs, out)
    sources = [GROUP.build(spec.plugin, spec.options) for spec in config.sources]
    pairs: list[Preference] = []
    labels: list[Label] = []
    unused: Counter[tuple[str, str]] = Counter()
    for row in watch(read_sources(sources, material), "preferences"):
        if isinstance(row, Unused):
            unused[row.source, row.reason] += 1
        elif isinstance(row, Label):
            labels.append(row)
        elif row.chosen == row.rejected:
            unused[row.source, "equal texts"] += 1
        else:
            pairs.append(row)
    (out / "policy.onnx").unlink(missing_ok=True)
    write_record(out / "report.json", describe(pairs, labels, unused))
    check_rows(pairs, labels, unused)
    write_pairs(pairs, out)
    write_labels(labels, out)


def read_sources(
    sources: Sequence[PreferenceSource], material: Material
) -> Iterator[PreferenceRow]:
    """What every source gives, one source after the other."""
    for source in sources:
        yield from source.read(material)


def check_rows(
    pairs: Sequence[Preference], labels: Sequence[Label], unused: Counter[tuple[str, str]]
) -> None:
    """Raise PreferenceError where no reward can be learned or measured."""
    if not pairs and not labels:
        reasons = ", ".join(f"{source}: {why} {n}" for (source, why), n in unused.most_common(4))
        raise PreferenceError(
            "preferences: expected pairs or labelled texts, found none "
            f"({reasons or 'the sources were empty'}); add a source, or widen the ones there are"
        )
    for name, rows in (("pairs", pairs), ("labelled texts", labels)):
        held = sum(row.heldout for row in rows)
        if rows and held in (0, len(rows)):
            raise PreferenceError(
                f"preferences: expected {name} to train on and to measure on, found "
                f"{len(rows) - held} and {held}; give more, or change preferences.heldout_share"
            )
    values = {label.label for label in labels}
    if len(values) == 1:
        raise PreferenceError(
            f"preferences: expected labels of two values or more, found {values.pop():g} for all "
            f"{len(labels)} texts; give texts of another label too"
        )


def describe(
    pairs: Sequence[Preference], labels: Sequence[Label], unused: Counter[tuple[str, str]]
) -> dict[str, Any]:
    """The report."""
    by_source: dict[str, list[Preference]] = defaultdict(list)
    for pair in pairs:
        by_source[pair.source].append(pair)
    labelled: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        labelled[label.source].append(label)
    left_out: dict[str, dict[str, int]] = defaultdict(dict)
    for (source, reason), count in unused.most_common():
        left_out[source][reason] = count
    figures: dict[str, Any] = {
        f"pairs of {source}": len(rows) for source, rows in by_source.items()
    }
    figures |= {f"texts of {source}": len(rows) for source, rows in labelled.items()}
    return {
        "figures": figures,
        "pairs": {source: describe_pairs(rows) for source, rows in by_source.items()},
        "labels": {source: describe_labels(rows) for source, rows in labelled.items()},
        "unused": dict(left_out),
    }


def describe_pairs(pairs: Sequence[Preference]) -> dict[str, Any]:
    """Counts, margins and length bias of one source's pairs."""
    differences = [len(pair.chosen) - len(pair.rejected) for pair in pairs]
    margins = sorted(pair.margin for pair in pairs)
    return {
        "train": sum(not pair.heldout for pair in pairs),
        "heldout": sum(pair.heldout for pair in pairs),
        "groups": len({pair.group for pair in pairs}),
        "margin": {
            "mean": round(fmean(margins), 4),
            "least": margins[0],
            "median": percentiles(margins, 0.5)[0],
            "most": margins[-1],
        },
        "chosen_longer": round(fmean(difference > 0 for difference in differences), 4),
        "equally_long": round(fmean(difference == 0 for difference in differences), 4),
        "mean_length_difference": round(fmean(differences), 2),
    }


def describe_labels(labels: Sequence[Label]) -> dict[str, Any]:
    """Counts, values and length bias of one source's labelled texts."""
    values = [label.label for label in labels]
    lengths = [float(len(label.text)) for label in labels]
    return {
        "train": sum(not label.heldout for label in labels),
        "heldout": sum(label.heldout for label in labels),
        "mean": round(fmean(values), 4),
        "least": min(values),
        "most": max(values),
        "length_correlation": round(correlation(lengths, values), 4),
    }


def correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Pearson's, -1..1; 0 where one side is constant."""
    centre_left, centre_right = fmean(left), fmean(right)
    products = ((a - centre_left) * (b - centre_right) for a, b in zip(left, right, strict=True))
    spread_left = sum((a - centre_left) ** 2 for a in left)
    spread_right = sum((b - centre_right) ** 2 for b in right)
    if not spread_left or not spread_right:
        return 0.0
    return sum(products) / math.sqrt(spread_left * spread_right)
