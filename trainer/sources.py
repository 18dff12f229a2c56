"""Station 1: takes source plugins with their options, gives `documents/` and what was skipped.

An entry point of the group `lory.sources` is called with the options of the recipe and gives a
Source, whose `read` yields Document and Skipped objects.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from trainer.config import SourcesConfig, SourceSpec
from trainer.document import DocumentWriter
from trainer.errors import CorpusError, SourceError
from trainer.plugin_options import PluginGroup
from trainer.progress import watch
from trainer.records import write_record
from trainer.source_files import Admitted, Skipped, Source

GROUP = PluginGroup("lory.sources", "source plugin", SourceError)


def run(config: SourcesConfig, inputs: Mapping[str, Path], out: Path) -> None:
    """Read every source in the recipe's order; write `skipped.parquet` and `report.json` as well.

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
    for source in [build_source(spec) for spec in config.sources]:
        yield from source.read(config)


def build_source(spec: SourceSpec) -> Source:
    """The plugin with its options; raises SourceError that names the known plugins or options."""
    source: Source = GROUP.build(spec.plugin, spec.options)
    return source


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
    write_record(path, report)


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
