"""Preference source `labels`: labelled texts from files or a hub dataset."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trainer.alignment.preferences.material import Material
from trainer.alignment.preferences.pairs import Label, PreferenceRow, Unused, digest
from trainer.corpus.readers.dataset import FORMATS as TABLES
from trainer.corpus.readers.dataset import first_line, open_file, open_hub
from trainer.errors import PreferenceError, SourceError
from trainer.tasks.problems import seeded_number

NAME = "labels"
FORMATS = {".csv": "csv", **TABLES}
"""Loader of `datasets` by a file's ending, `.gz` left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsSource:
    """CSV, JSON lines or Parquet files, or a hub dataset as `stanfordnlp/imdb`; its options."""

    name: str = ""
    files: list[str] = field(default_factory=list)
    split: str = "train"
    revision: str = "main"
    text: str = "text"
    """Column of the texts."""
    label: str = "label"
    """Column of the labels."""
    values: dict[str, float] = field(default_factory=dict)
    """What a label that is no number stands for, such as `{negative: 0, positive: 1}`."""
    limit: int = 0
    """Texts taken, drawn by hash, since sets are often sorted by label; 0 for all."""

    def read(self, material: Material) -> Iterator[PreferenceRow]:
        """Labelled texts; PreferenceError where the rows cannot be had or are of another form."""
        if bool(self.name) == bool(self.files):
            raise PreferenceError(
                "preferences labels: expected either `name` or `files`, found both or none; "
                "give one"
            )
        rows = self._draw(material.config.seed)
        label_of_text: dict[str, float] = {}
        for text, label in rows:
            if not isinstance(text, str) or not text.strip():
                yield Unused(NAME, "no text")
            elif label is None:
                yield Unused(NAME, "no label")
            elif text in label_of_text:
                yield Unused(NAME, "the text was there before")
            else:
                group = digest(text)
                label_of_text[text] = number = self._number(label)
                heldout = material.is_heldout(group)
                yield Label(text=text, label=number, source=NAME, group=group, heldout=heldout)

    def _draw(self, seed: int) -> Iterable[tuple[Any, Any]]:
        """Text and label of the rows that are taken."""
        rows = ((row[self.text], row[self.label]) for row in self._checked())
        if not self.limit:
            return rows
        ranked = (
            (seeded_number(seed, number, row[0]), number, row) for number, row in enumerate(rows)
        )
        return [row for _, _, row in heapq.nsmallest(self.limit, ranked, key=lambda r: r[:2])]

    def _checked(self) -> Iterator[Mapping[str, Any]]:
        """All rows; PreferenceError where one lacks a column or the data is damaged."""
        import pyarrow as pa

        where = self.name or ", ".join(self.files)
        try:
            for row in self._open():
                missing = [name for name in (self.text, self.label) if name not in row]
                if missing:
                    raise PreferenceError(
                        f"preferences labels: {where}: expected the columns {self.text} and "
                        f"{self.label}, found {', '.join(map(str, row))}; name them with `text` "
                        "and `label`"
                    )
                yield row
        except (SourceError, OSError, ValueError, EOFError, pa.ArrowException) as exc:
            raise PreferenceError(
                f"preferences labels: {where} cannot be read: {first_line(exc)}; check the name, "
                "and the network for a dataset of the hub"
            ) from exc

    def _open(self) -> Iterator[Mapping[str, Any]]:
        """Rows as the library gives them."""
        if self.name:
            yield from open_hub(self.name, self.split, self.revision)
        for file in self.files:
            yield from open_file(file, "preferences labels", PreferenceError, FORMATS)

    def _number(self, label: object) -> float:
        """A label as a number; PreferenceError where it stands for none."""
        if isinstance(label, str) and label in self.values:
            return float(self.values[label])
        try:
            return float(label)  # type: ignore[arg-type]
        except (TypeError, ValueError) as exc:
            known = f" or one of {', '.join(self.values)}" if self.values else ""
            raise PreferenceError(
                f"preferences labels: expected a number{known} as label, found {label!r}; say with "
                "`values` what it stands for"
            ) from exc
