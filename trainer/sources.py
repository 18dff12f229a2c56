"""Station 1: takes source plugins and their options, gives `documents/`, `skipped.parquet`, `report.json`.

A plugin of the entry point group `lory.sources` is called with the stage's settings and its own options,
and yields Document and Skipped objects; it raises SourceError where it cannot be read at all.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from trainer.config import SourcesConfig, SourceSpec
from trainer.document import Document, DocumentWriter
from trainer.errors import CorpusError, SourceError
from trainer.progress import watch
from trainer.source_files import Admitted, Skipped

GROUP = "lory.sources"


def run(config: SourcesConfig, inputs: Mapping[str, Path], out: Path) -> None:
    """Read every source in the recipe's order.

    Raises SourceError for a source that cannot be read, CorpusError where none gave a document.
    """
    skipped: list[Skipped] = []
    documents: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    with DocumentWriter(out / "documents") as writer:
        for item in watch(read_sources(config), "sources"):
            if isinstance(item, Skipped):
                skipped.append(item)
                continue
            key = (item.source, item.repo)
            documents[key] += 1
            sizes[key] += len(item.text.encode())
            writer.write(item)
    write_skipped(skipped, out / "skipped.parquet")
    write_report(documents, sizes, skipped, out / "report.json")
    if not documents:
        raise CorpusError(
            f"expected documents from {len(config.sources)} sources, found none "
            f"({len(skipped)} files skipped: {common_reasons(skipped)}); check sources.sources"
        )


def read_sources(config: SourcesConfig) -> Admitted:
    """What every source gives, one source after the other."""
    for spec in config.sources:
        try:
            yield from load_plugin(spec.plugin)(config, **spec.options)
        except TypeError as exc:
            if "unexpected keyword" in str(exc) or "required keyword" in str(exc):
                raise SourceError(f"source {spec.plugin}: {exc}; {known_options(spec)}") from exc
            raise


def load_plugin(name: str) -> Callable[..., Admitted]:
    """The plugin of that name; raises SourceError that names the known ones."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise SourceError(
            f"unknown source plugin {name}; known: {', '.join(sorted(found)) or 'none installed'}"
        )
    plugin: Callable[..., Admitted] = found[name].load()
    return plugin


def known_options(spec: SourceSpec) -> str:
    """The options of a source's plugin, for an error message."""
    import inspect

    parameters = inspect.signature(load_plugin(spec.plugin)).parameters.values()
    names = [entry.name for entry in parameters if entry.kind is entry.KEYWORD_ONLY]
    return f"known options: {', '.join(names)}"


def write_skipped(skipped: list[Skipped], path: Path) -> None:
    """Skipped files as Parquet, one row each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [field.name for field in fields(Skipped)]
    schema = pa.schema([(name, pa.string()) for name in names])
    columns: Any = list(zip(*map(astuple, skipped), strict=True)) or [[] for _ in names]
    pq.write_table(pa.table([list(c) for c in columns], schema=schema), path, compression="zstd")


def write_report(
    documents: Counter[tuple[str, str]],
    sizes: Counter[tuple[str, str]],
    skipped: list[Skipped],
    path: Path,
) -> None:
    """Counts and bytes over all, by source and by repository."""
    by_source = {source: 0 for source, _ in documents}
    for (source, _), count in documents.items():
        by_source[source] += count
    report = {
        "documents": documents.total(),
        "bytes": sizes.total(),
        "documents_by_source": by_source,
        "repositories": list(repository_rows(documents, sizes)),
        "skipped": dict(Counter(entry.reason for entry in skipped).most_common()),
    }
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def repository_rows(
    documents: Counter[tuple[str, str]], sizes: Counter[tuple[str, str]]
) -> Iterator[dict[str, str | int]]:
    """One row for each repository, the largest first."""
    for key, size in sizes.most_common():
        yield {"source": key[0], "repo": key[1], "documents": documents[key], "bytes": size}


def common_reasons(skipped: list[Skipped]) -> str:
    """The most common reasons for skipping, for an error message."""
    counts = Counter(entry.reason for entry in skipped).most_common(3)
    return ", ".join(f"{reason} {count}" for reason, count in counts) or "no reason recorded"
