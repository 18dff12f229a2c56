"""Preference source `rows`: pairs from files that were made elsewhere.

Columns: prompt (a text, or path, prefix and suffix), chosen, rejected; margin and group where there
are any.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lsp_server.contract.canonical import canonical_parts
from lsp_server.contract.prompt import Parts
from trainer.alignment.preferences.material import Material
from trainer.alignment.preferences.pairs import Preference, PreferenceRow, Unused, prompt_group
from trainer.corpus.readers.dataset import first_line, open_file
from trainer.errors import PreferenceError

NAME = "rows"
COLUMNS = ("prompt", "chosen", "rejected")
PARTS = ("path", "prefix", "suffix")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsSource:
    """JSON lines or Parquet files; its options."""

    files: list[str] = field(default_factory=list)

    def read(self, material: Material) -> Iterator[PreferenceRow]:
        """The pairs; PreferenceError where a file cannot be read or is of another form."""
        for file in self.files:
            for row in read_file(Path(file).expanduser()):
                if not row["rejected"] and not row["chosen"]:
                    yield Unused(NAME, "no texts")
                    continue
                given = read_prompt(file, row["prompt"])
                pair = row["chosen"], row["rejected"]
                prefix, suffix, texts = canonical_parts(given.prefix, given.suffix, pair)
                prompt = replace(given, prefix=prefix, suffix=suffix)
                group = str(row.get("group") or prompt_group(prompt))
                yield Preference(
                    prompt=prompt,
                    chosen=texts[0],
                    rejected=texts[1],
                    margin=float(row.get("margin") or 1.0),
                    source=str(row.get("source") or NAME),
                    group=group,
                    heldout=material.is_heldout(group),
                )


def read_file(path: Path) -> Iterator[Mapping[str, Any]]:
    """Rows with all columns, their texts checked."""
    import pyarrow as pa

    try:
        for row in open_file(str(path), "preferences rows", PreferenceError):
            wrong = [name for name in COLUMNS if row.get(name) is None]
            wrong += [n for n in ("chosen", "rejected") if not isinstance(row.get(n), str | None)]
            if wrong:
                raise PreferenceError(
                    f"preferences rows: {path}: expected {', '.join(COLUMNS)} in each row, found "
                    f"one without {', '.join(dict.fromkeys(wrong))}; a pair has two texts"
                )
            yield row
    except (OSError, ValueError, EOFError, pa.ArrowException) as exc:
        raise PreferenceError(
            f"preferences rows: {path} cannot be read: {first_line(exc)}"
        ) from exc


def read_prompt(file: str, prompt: object) -> Parts:
    """A row's prompt as the texts that it is made of."""
    if isinstance(prompt, str):
        return Parts(prefix=prompt)
    if isinstance(prompt, dict) and set(prompt) <= set(PARTS):
        path, prefix, suffix = (prompt.get(name) or "" for name in PARTS)
        return Parts(path=path, prefix=prefix, suffix=suffix)
    raise PreferenceError(
        f"preferences rows: {file}: expected a prompt of {', '.join(PARTS)}, or a text, found "
        f"{str(prompt)[:60]!r}"
    )
