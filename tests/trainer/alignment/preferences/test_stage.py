"""Preferences: what each source prefers, what it leaves out, and what cannot be learned from."""

import ast
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from lsp_server.contract.prompt import Parts
from trainer.alignment.config import PreferencesConfig, PreferenceSpec
from trainer.alignment.preferences.analysis import is_sound
from trainer.alignment.preferences.feedback import Judged, in_canonical_form
from trainer.alignment.preferences.material import Asked
from trainer.alignment.preferences.pairs import Label, Preference, read_labels, read_pairs
from trainer.alignment.preferences.stage import run
from trainer.errors import PreferenceError

Inputs = dict[str, Path]
Record = dict[str, Any]


def prefer(
    inputs: Inputs, out: Path, plugin: str, options: Record, **values: Any
) -> list[Preference]:
    """The pairs that one source gives, both splits."""
    out.mkdir(exist_ok=True)
    spec = PreferenceSpec(plugin=plugin, options=options)
    run(PreferencesConfig(sources=[spec], **values), inputs, out)
    return [pair for heldout in (False, True) for pair in read_pairs(out, heldout=heldout)]


def report_of(out: Path) -> Record:
    report: Record = json.loads((out / "report.json").read_text())
    return report


# Samples and analysis: two sources over the same cursors


@pytest.fixture(scope="module")
def sampled(tuning_inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of both sources."""
    out = tmp_path_factory.mktemp("preferences")
    options = {"cursors": 80, "max_tokens": 24}
    specs = [PreferenceSpec(plugin=name, options=options) for name in ("samples", "analysis")]
    run(PreferencesConfig(sources=specs, heldout_share=0.3), tuning_inputs, out)
    return out


def pairs_of(out: Path, source: str) -> list[Preference]:
    return [
        pair
        for heldout in (False, True)
        for pair in read_pairs(out, heldout=heldout)
        if pair.source == source
    ]


def test_the_truth_is_preferred_to_the_model_s_own_text(
    sampled: Path, small_corpus: list[str]
) -> None:
    pairs = pairs_of(sampled, "samples")
    assert len(pairs) > 20
    for pair in pairs:
        whole = pair.prompt.prefix + pair.chosen + pair.prompt.suffix
        assert pair.prompt.path == "m.py"
        assert whole in small_corpus or pair.prompt.prefix + pair.chosen in "\n".join(small_corpus)
        assert pair.rejected.rstrip() != pair.chosen.rstrip()
        assert 0 < pair.margin <= 1


def test_pairs_of_held_out_repositories_are_held_out(sampled: Path) -> None:
    for heldout, repo in ((False, "tests/train"), (True, "tests/heldout")):
        pairs = read_pairs(sampled, heldout=heldout)
        assert {pair.group for pair in pairs} == {repo}
        assert {pair.source for pair in pairs} == {"samples", "analysis"}


def test_static_analysis_prefers_what_parses_and_names_what_is_defined(sampled: Path) -> None:
    for pair in pairs_of(sampled, "analysis"):
        asked = Asked(pair.prompt, pair.chosen, pair.group, pair.heldout)
        ast.parse(pair.prompt.prefix + pair.chosen + pair.prompt.suffix)
        assert not is_sound(asked, pair.rejected)


def test_the_report_counts_pairs_and_shows_their_length_bias(sampled: Path) -> None:
    report = report_of(sampled)
    pairs = pairs_of(sampled, "samples")
    shown = report["pairs"]["samples"]
    assert report["figures"]["pairs of samples"] == len(pairs) == shown["train"] + shown["heldout"]
    longer = sum(len(pair.chosen) > len(pair.rejected) for pair in pairs) / len(pairs)
    assert shown["chosen_longer"] == pytest.approx(longer, abs=1e-4)
    assert not (sampled / "policy.onnx").exists()


def test_the_same_seed_gives_the_same_pairs(
    sampled: Path, tuning_inputs: Inputs, tmp_path: Path
) -> None:
    options = {"cursors": 80, "max_tokens": 24}
    again = prefer(tuning_inputs, tmp_path / "a", "samples", options, heldout_share=0.3)
    assert again == pairs_of(sampled, "samples")
    other = prefer(tuning_inputs, tmp_path / "b", "samples", options, heldout_share=0.3, seed=1)
    assert other != again


@pytest.mark.parametrize(
    ("text", "sound"),
    [("len(books)", True), ("len(boooks)", False), ("len(books", False), ("len(books) if", False)],
)
def test_code_is_sound_where_its_file_parses_and_uses_no_new_undefined_name(
    text: str, sound: bool
) -> None:
    prompt = Parts(path="a.py", prefix="def count(books):\n    return ", suffix="\n\n\nother()\n")
    assert is_sound(Asked(prompt, "1", "r", False), text) is sound


# Feedback

DEFAULTS: Record = {
    "id": "",
    "time": 0.0,
    "path": "a.py",
    "prefix": "x = ",
    "suffix": "\n",
    "text": "1",
    "shown": 1,
    "probability": 0.7,
    "outcome": "ignored",
    "ending": "diverged",
    "fate": None,
    "retained_characters": None,
}


def database(path: Path, rows: Iterable[Record], version: int = 1, without: str = "") -> Path:
    """A feedback database as the server's sink writes it."""
    names = [name for name in DEFAULTS if name != without]
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE suggestions ({', '.join(names)})")
        connection.execute(f"PRAGMA user_version = {version}")
        for number, row in enumerate(rows):
            record = {**DEFAULTS, "id": str(number), "time": number, **row}
            marks = ", ".join("?" for _ in names)
            values = [record[name] for name in names]
            connection.execute(f"INSERT INTO suggestions VALUES ({marks})", values)
    connection.close()
    return path


def kept(text: str, retained: int, **more: Any) -> Record:
    return {
        "text": text,
        "outcome": "whole",
        "fate": "kept",
        "retained_characters": retained,
        **more,
    }


def at_prompts(*rows: Record) -> list[Record]:
    """The rows at each of many prompts, so that both splits get some."""
    return [{**row, "prefix": f"x_{number} = "} for number in range(40) for row in rows]


def from_feedback(tmp_path: Path, rows: list[Record]) -> list[Preference]:
    file = database(tmp_path / "f.db", rows)
    return prefer({}, tmp_path / "out", "feedback", {"database": str(file)}, heldout_share=0.3)


def test_what_was_kept_is_preferred_to_what_was_gone_against_at_the_same_prompt(
    tmp_path: Path,
) -> None:
    rows = at_prompts(
        kept("total(xs)", 9, probability=0.8), {"text": "total(ys)", "ending": "other"}
    )
    pairs = from_feedback(tmp_path, rows)
    assert len(pairs) == 40
    for pair in pairs:
        assert (pair.chosen, pair.rejected, pair.margin) == ("total(xs)", "total(ys)", 1.0)
        assert (pair.chosen_propensity, pair.rejected_propensity) == (0.8, 0.7)
    assert 0 < sum(pair.heldout for pair in pairs) < 40


def test_of_two_accepted_texts_the_one_that_was_kept_more_is_preferred(tmp_path: Path) -> None:
    pairs = from_feedback(tmp_path, at_prompts(kept("abcd", 1), kept("efgh", 4)))
    assert {(pair.chosen, pair.rejected, pair.margin) for pair in pairs} == {("efgh", "abcd", 0.75)}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"ending": "moved"}, "silence: neither accepted nor gone against"),
        ({"ending": "closed"}, "silence: neither accepted nor gone against"),
        ({"outcome": "typed", "ending": "complete"}, "silence: neither accepted nor gone against"),
        ({"shown": 0}, "not on show"),
        ({"prefix": None}, "no prompt text: the setting feedback_text was off"),
        ({"outcome": "whole"}, "accepted, but not compared yet"),
    ],
)
def test_silence_and_what_was_not_recorded_make_no_pair_and_are_counted(
    tmp_path: Path, row: Record, reason: str
) -> None:
    rows = at_prompts(kept("total(xs)", 9), {"text": "total(ys)"})
    from_feedback(tmp_path, [*rows, row, row])
    assert report_of(tmp_path / "out")["unused"]["feedback"][reason] == 2


@pytest.mark.parametrize(
    "rows", [at_prompts(kept("total(xs)", 9)), at_prompts({"text": "total(ys)"}), []]
)
def test_feedback_of_one_side_is_one_clear_error(tmp_path: Path, rows: list[Record]) -> None:
    with pytest.raises(
        PreferenceError, match="expected pairs or labelled texts, found none"
    ) as caught:
        from_feedback(tmp_path, rows)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("version", "without", "said"),
    [
        (0, "", "expected schema 1 in .*, found 0; let this version's server"),
        (2, "", "expected schema 1 in .*, found 2; update Lory"),
        (1, "retained_characters", "found 1 without retained_characters"),
    ],
)
def test_a_database_of_another_schema_is_one_clear_error(
    tmp_path: Path, version: int, without: str, said: str
) -> None:
    file = database(tmp_path / "f.db", [], version, without)
    with pytest.raises(PreferenceError, match=said):
        prefer({}, tmp_path / "out", "feedback", {"database": str(file)})


def test_a_database_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PreferenceError, match="expected a database at .*, found none"):
        prefer({}, tmp_path / "out", "feedback", {"database": str(tmp_path / "none.db")})
    (tmp_path / "text.db").write_text("no database at all, but text that is long enough" * 9)
    with pytest.raises(PreferenceError, match="cannot be read: file is not a database"):
        prefer({}, tmp_path / "out", "feedback", {"database": str(tmp_path / "text.db")})


# Tests in the sandbox


def test_samples_that_pass_are_preferred_to_such_that_fail(
    tuning_inputs: Inputs, tmp_path: Path
) -> None:
    test = "def check(candidate):\n    assert TEXT.count('e') % 2\n"
    closing = '"""\n'
    problems = [
        {
            "task_id": f"tests/{number}",
            "prompt": f'f_{number} = print\nTEXT = r"""',
            "suffix": '"""\n' if number % 2 else "",
            "test": f"{'' if number % 2 else closing}{test}",
            "entry_point": f"f_{number}",
        }
        for number in range(12)
    ]
    file = tmp_path / "problems.jsonl"
    file.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    options = {"problems": str(file), "samples": 4, "max_tokens": 6, "pairs": 2, "temperature": 2.0}
    pairs = prefer(tuning_inputs, tmp_path / "out", "tests", options, heldout_share=0.5)
    assert pairs
    by_prompt = {problem["prompt"]: problem for problem in problems}
    for pair in pairs:
        problem = by_prompt[pair.prompt.prefix]
        assert pair.prompt.suffix == problem["suffix"]
        assert pair.chosen != pair.rejected
        assert pair.group == problem["task_id"]


# Labelled texts and pairs from elsewhere


def labelled(count: int = 60) -> list[Record]:
    return [{"text": f"film {number}", "label": number % 2} for number in range(count)]


def write_table(path: Path, rows: list[Record]) -> str:
    """Rows in the form that the file's ending says."""
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(rows)
    if path.suffix == ".csv":
        pc.write_csv(table, path)
    elif path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def label(inputs: Inputs, out: Path, **options: Any) -> list[Label]:
    out.mkdir(exist_ok=True)
    spec = PreferenceSpec(plugin="labels", options=options)
    run(PreferencesConfig(sources=[spec], heldout_share=0.3), inputs, out)
    return [row for heldout in (False, True) for row in read_labels(out, heldout=heldout)]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_labelled_texts_are_read_from_files_of_every_form(tmp_path: Path, name: str) -> None:
    found = label({}, tmp_path / "out", files=[write_table(tmp_path / name, labelled())])
    assert {(row.text, row.label) for row in found} == {
        (row["text"], float(row["label"])) for row in labelled()
    }
    assert report_of(tmp_path / "out")["labels"]["labels"]["mean"] == 0.5


def test_a_folder_in_the_hub_s_form_is_read_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_table(tmp_path / "data" / "train-00000-of-00001.parquet", labelled())
    found = label({}, tmp_path / "out", name=str(tmp_path / "data"), revision="")
    assert len(found) == 60


def test_a_limit_draws_from_all_texts_though_they_are_sorted_by_label(tmp_path: Path) -> None:
    rows = sorted(labelled(400), key=lambda row: int(row["label"]))
    found = label({}, tmp_path / "out", files=[write_table(tmp_path / "a.csv", rows)], limit=60)
    assert len(found) == 60
    assert 15 < sum(row.label for row in found) < 45


def test_columns_and_words_for_labels_may_have_other_names(tmp_path: Path) -> None:
    rows = [
        {"review": row["text"], "sentiment": "positive" if row["label"] else "negative"}
        for row in labelled()
    ]
    file = write_table(tmp_path / "a.csv", rows)
    names = {"text": "review", "label": "sentiment"}
    values = {"negative": 0.0, "positive": 1.0}
    found = label({}, tmp_path / "out", files=[file], values=values, **names)
    assert sum(row.label for row in found) == 30


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"text": "a", "stars": 1}], "expected the columns text and label, found text, stars"),
        ([{"text": "a", "label": "good"}], "expected a number as label, found 'good'"),
        (labelled(1), "expected labelled texts to train on and to measure on"),
        (
            [{**row, "label": 1} for row in labelled()],
            "expected labels of two values or more, found 1 for all 60 texts",
        ),
        ([{"text": "", "label": 1}], "found none \\(labels: no text 1\\)"),
    ],
)
def test_labelled_texts_that_teach_nothing_are_one_clear_error(
    tmp_path: Path, rows: list[Record], said: str
) -> None:
    with pytest.raises(PreferenceError, match=said) as caught:
        label({}, tmp_path / "out", files=[write_table(tmp_path / "a.jsonl", rows)])
    assert "\n" not in str(caught.value)


def test_a_dataset_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(
        PreferenceError, match="cannot be read: .*; check the name, and the network"
    ):
        label({}, tmp_path / "out", name="lory/there-is-none")
    with pytest.raises(PreferenceError, match="expected a file in .csv"):
        label({}, tmp_path / "out", files=[str(tmp_path / "none.csv")])
    with pytest.raises(PreferenceError, match="either `name` or `files`"):
        label({}, tmp_path / "out")


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_pairs_made_elsewhere_are_read_in_the_one_format(tmp_path: Path, name: str) -> None:
    rows = [
        {
            "prompt": {"path": "a.py", "prefix": f"x_{number} = ", "suffix": "\n"},
            "chosen": "1",
            "rejected": "2",
            "margin": 0.5,
        }
        for number in range(40)
    ]
    file = write_table(tmp_path / name, rows)
    pairs = prefer({}, tmp_path / "out", "rows", {"files": [file]}, heldout_share=0.3)
    assert {pair.prompt.prefix for pair in pairs} == {f"x_{number} = " for number in range(40)}
    assert {(pair.chosen, pair.rejected, pair.margin) for pair in pairs} == {("1", "2", 0.5)}


@pytest.mark.parametrize(
    "row", [{"prompt": "x", "chosen": "1"}, {"prompt": "x", "chosen": "1", "rejected": None}]
)
def test_a_pair_with_one_side_missing_is_one_clear_error(tmp_path: Path, row: Record) -> None:
    file = write_table(tmp_path / "a.jsonl", [row])
    with pytest.raises(PreferenceError, match="found one without rejected; a pair has two texts"):
        prefer({}, tmp_path / "out", "rows", {"files": [file]})


@pytest.mark.parametrize(
    ("plugin", "options", "said"),
    [
        ("nope", {}, "unknown preferences nope; known: analysis, feedback"),
        ("samples", {"cursor": 3}, "preferences samples: .*'cursor'; its options: cursors"),
    ],
)
def test_an_unknown_source_or_option_names_the_known_ones(
    tmp_path: Path, plugin: str, options: Record, said: str
) -> None:
    with pytest.raises(PreferenceError, match=said):
        prefer({}, tmp_path / "out", plugin, options)


def test_what_was_kept_in_a_file_of_tabs_is_learned_as_the_model_writes_it() -> None:
    prompt = Parts(path="a.py", prefix="if a:\n\tb()\nif c:\n\t", suffix="\nd()\n")
    judged = [Judged("if d:\n\t\treturn", 1.0, 0.5), Judged("pass", 0.0, 0.5)]
    found, texts = in_canonical_form(prompt, judged)
    assert found == Parts(path="a.py", prefix="if a:\n    b()\nif c:\n    ", suffix="\nd()\n")
    assert [item.text for item in texts] == ["if d:\n        return", "pass"]
