"""Source `dataset`: rows of a hub dataset or of local files."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from trainer.corpus.config import SourcesConfig
from trainer.corpus.readers.files import Admitted, Origin, admit_text, skip
from trainer.errors import SourceError, TrainerError

FORMATS = {".parquet": "parquet", ".jsonl": "json", ".json": "json"}
"""Loader of `datasets` by a local file's ending, `.gz` left out."""

COLUMNS = ("repo_name", "path", "content")
"""Columns that must be there; `license` is read, `copies` and `size` are not needed."""

ROWS_A_REPOSITORY = 100
"""Of a set without repositories: what is held out together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSource:
    """A dataset of the hub by name, or local JSON lines and Parquet files; its options."""

    name: str = ""
    files: list[str] = field(default_factory=list)
    split: str = "train"
    revision: str = "main"
    limit: int = 0
    """Rows read; 0 for all."""
    text: str = ""
    """Column of the texts in a set that has no repositories and paths, such as reviews."""

    def read(self, config: SourcesConfig) -> Admitted:
        """The rows as documents; raises SourceError where they cannot be had or lack a column.

        A repository's rows lie scattered, so its cap takes them in the dataset's order.
        """
        if bool(self.name) == bool(self.files):
            raise SourceError(
                "source dataset: expected either `name` or `files`, found both or none; give one"
            )
        commit = self.revision if self.name else ""
        rows = open_hub(self.name, self.split, commit) if self.name else open_files(self.files)
        taken: Counter[str] = Counter()
        label = self.name or "local files"
        if self.text:
            rows = as_files(rows, self.text, label, config.suffixes[0])
        checked = checked_rows(rows, label)
        for row in islice(checked, self.limit or None):
            yield from admit_row(row, commit, config, taken)


def as_files(
    rows: Iterable[Mapping[str, Any]], column: str, label: str, suffix: str
) -> Iterator[Mapping[str, Any]]:
    """Texts as files, ROWS_A_REPOSITORY of them in a row as one repository."""
    for number, row in enumerate(rows):
        if column not in row:
            raise SourceError(
                f"source dataset: {label}: expected the column {column}, found {', '.join(row)}; "
                "name another with `text`"
            )
        repo = f"{label}/{number // ROWS_A_REPOSITORY}"
        yield {"repo_name": repo, "path": f"{number}{suffix}", "content": row[column]}


def admit_row(
    row: Mapping[str, Any], commit: str, config: SourcesConfig, taken: Counter[str]
) -> Admitted:
    """One row as a document or a skipped file; `taken` counts each repository's bytes."""
    repo, path, text = (row[column] for column in COLUMNS)
    repo = repo or "unknown"
    origin = Origin("dataset", repo, commit, (row.get("license") or "unknown").lower())
    path = path or ""
    if not isinstance(text, str):
        yield skip(origin, path, "no content")
        return
    if not path.endswith(tuple(config.suffixes)):
        return
    size = len(text.encode("utf-8", "replace"))
    if size > config.max_file_bytes:
        yield skip(origin, path, "too large")
    elif "\0" in text:
        yield skip(origin, path, "binary")
    elif config.max_repository_bytes and taken[repo] >= config.max_repository_bytes:
        yield skip(origin, path, "over the repository's cap")
    else:
        taken[repo] += size
        yield admit_text(origin, path, text.removeprefix("\ufeff"))


def open_hub(name: str, split: str, revision: str) -> Iterable[Mapping[str, Any]]:
    """A streamed split of a dataset on the hub."""
    from datasets import load_dataset

    try:
        rows: Iterable[Mapping[str, Any]] = load_dataset(
            name, split=split, revision=revision, streaming=True
        )
    except (OSError, ValueError) as exc:
        raise SourceError(
            f"source dataset: cannot open {name} (split {split}, revision {revision}): "
            f"{first_line(exc)}; check the name and the network"
        ) from exc
    return rows


def open_files(files: list[str]) -> Iterator[Mapping[str, Any]]:
    """Rows of local files, one file after the other."""
    for file in files:
        yield from open_file(file, "source dataset", SourceError)


def open_file(
    file: str, who: str, fault: type[TrainerError], formats: Mapping[str, str] = FORMATS
) -> Iterator[Mapping[str, Any]]:
    """Rows of a local file; raises `fault` where it is none of a known format."""
    from datasets import load_dataset

    path = Path(file).expanduser()
    ending = Path(path.name.removesuffix(".gz")).suffix
    if not path.is_file() or ending not in formats:
        raise fault(f"{who}: expected a file in {', '.join(formats)} (or .gz of it), found {file}")
    yield from load_dataset(formats[ending], data_files=str(path), split="train", streaming=True)


def checked_rows(rows: Iterable[Mapping[str, Any]], label: str) -> Iterator[Mapping[str, Any]]:
    """The same rows; raises SourceError where one lacks a column or the data is damaged."""
    import pyarrow as pa

    try:
        for row in rows:
            missing = [column for column in COLUMNS if column not in row]
            if missing:
                raise SourceError(
                    f"source dataset: {label}: expected the columns {', '.join(COLUMNS)}, "
                    f"found {', '.join(row)}"
                )
            yield row
    except (OSError, ValueError, EOFError, pa.ArrowException) as exc:
        raise SourceError(
            f"source dataset: {label} cannot be read to its end: {first_line(exc)}"
        ) from exc


def first_line(error: Exception) -> str:
    """The first line of an error's message, for a message of one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
