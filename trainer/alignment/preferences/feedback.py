"""Preference source `feedback`: suggestions that were kept over ones that were ignored.

Two suggestions at the same prompt make a pair where the user kept more of one than of the other. A
suggestion scores the share of its characters that still stood there when it was settled; one that
they decided against, by typing something else or by accepting another, scores 0. Silence is no
rejection: one that was not on show, or disappeared because they moved on, makes no pair.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from lsp_server.contract.canonical import canonical_parts
from lsp_server.contract.feedback_store import SCHEMA, TABLE, database_path
from lsp_server.contract.prompt import Parts
from trainer.alignment.preferences.material import Material
from trainer.alignment.preferences.pairs import Preference, PreferenceRow, Unused, prompt_group
from trainer.errors import PreferenceError

NAME = "feedback"
COLUMNS = ("path", "prefix", "suffix", "text", "shown", "probability") + (
    "outcome",
    "ending",
    "fate",
    "retained_characters",
)
ACCEPTED = frozenset({"whole", "line", "word"})
REFUSED = frozenset({"diverged", "other"})
"""Endings of an ignored suggestion by which the user went against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSource:
    """Its options."""

    database: str = ""
    """The file; without it, the server's own, which `lory feedback status` names."""

    def read(self, material: Material) -> Iterator[PreferenceRow]:
        """Pairs; PreferenceError where the database cannot be read or has another schema."""
        judged: dict[Parts, dict[str, Judged]] = defaultdict(dict)
        path = Path(self.database).expanduser() if self.database else database_path()
        for row in read_suggestions(path):
            judgement = judge(row)
            if isinstance(judgement, Unused):
                yield judgement
                continue
            prompt = Parts(path=row["path"] or "", prefix=row["prefix"], suffix=row["suffix"])
            known = judged[prompt].get(judgement.text)
            if known is None or judgement.score > known.score:
                judged[prompt][judgement.text] = judgement
        for prompt, texts in judged.items():
            yield from compare(material, *in_canonical_form(prompt, list(texts.values())))


@dataclass(frozen=True, slots=True)
class Judged:
    """A suggestion and what the user thought of it."""

    text: str
    score: float
    """Share of its characters that they kept."""
    propensity: float
    """Probability by which it was shown."""


def judge(row: Mapping[str, Any]) -> Judged | Unused:
    """What a row of the database says."""
    if row["prefix"] is None or row["suffix"] is None:
        return Unused(NAME, "no prompt text: the setting feedback_text was off")
    if not row["shown"]:
        return Unused(NAME, "not on show")
    text, propensity = row["text"], float(row["probability"])
    if row["outcome"] in ACCEPTED:
        if row["retained_characters"] is None and row["fate"] is None:
            return Unused(NAME, "accepted, but not compared yet")
        kept = row["retained_characters"] or 0
        return Judged(text, min(1.0, kept / max(1, len(text))), propensity)
    if row["outcome"] == "ignored" and row["ending"] in REFUSED:
        return Judged(text, 0.0, propensity)
    return Unused(NAME, "silence: neither accepted nor gone against")


def in_canonical_form(prompt: Parts, judged: Sequence[Judged]) -> tuple[Parts, Sequence[Judged]]:
    """A prompt and its suggestions as the model reads and writes them."""
    prefix, suffix, texts = canonical_parts(prompt.prefix, prompt.suffix, [j.text for j in judged])
    pairs = zip(judged, texts, strict=True)
    return replace(prompt, prefix=prefix, suffix=suffix), [replace(j, text=t) for j, t in pairs]


def compare(material: Material, prompt: Parts, judged: Sequence[Judged]) -> Iterator[PreferenceRow]:
    """Every two suggestions at a prompt of which the user kept more of one."""
    group = prompt_group(prompt)
    found = False
    for left, right in combinations(judged, 2):
        better, worse = (left, right) if left.score > right.score else (right, left)
        if better.score > worse.score:
            found = True
            yield Preference(
                prompt=prompt,
                chosen=better.text,
                rejected=worse.text,
                margin=round(better.score - worse.score, 4),
                source=NAME,
                group=group,
                heldout=material.is_heldout(group),
                chosen_propensity=better.propensity,
                rejected_propensity=worse.propensity,
            )
    if not found:
        yield Unused(NAME, "nothing better or worse at the same prompt")


def read_suggestions(path: Path) -> Iterator[Mapping[str, Any]]:
    """Rows of the database, which is opened for reading alone.

    Raises PreferenceError where there is none, it is damaged, or its schema is another one.
    """
    if not path.is_file():
        raise PreferenceError(
            f"preferences feedback: expected a database at {path}, found none; turn on the "
            "server's settings feedback and feedback_text, or name the file with `database`"
        )
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            check_schema(database, path)
            columns = ", ".join(COLUMNS)
            yield from database.execute(f"SELECT {columns} FROM {TABLE} ORDER BY time, id")
    except sqlite3.Error as exc:
        raise PreferenceError(
            f"preferences feedback: {path} cannot be read: {exc}; expected a feedback database of "
            "`lory lsp`"
        ) from exc


def check_schema(database: sqlite3.Connection, path: Path) -> None:
    """Raise PreferenceError where the database is of another version, or lacks a column."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    present = {row["name"] for row in database.execute(f"PRAGMA table_info({TABLE})")}
    missing = [name for name in COLUMNS if name not in present]
    if version == SCHEMA and not missing:
        return
    lacks = f" without {', '.join(missing)}" if missing else ""
    advice = "update Lory" if version > SCHEMA else "let this version's server write a new one"
    raise PreferenceError(
        f"preferences feedback: expected schema {SCHEMA} in {path}, found {version}{lacks}; "
        f"{advice}"
    )
