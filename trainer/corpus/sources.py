"""Stage `sources`: reads documents from all sources.

An entry point of the group `lory.sources` is called with the options of the recipe and gives a
Source, whose `read` yields Document and Skipped objects.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from lsp_server.contract.records import write_record
from trainer.corpus.config import SourcesConfig, SourceSpec
from trainer.corpus.document import DocumentWriter
from trainer.corpus.readers.files import Admitted, Skipped, Source
from trainer.corpus.row_file import RowWriter
from trainer.errors import CorpusError, SourceError
from trainer.runtime.plugins import PluginGroup
from trainer.runtime.progress import watch

GROUP = PluginGroup("lory.sources", "source plugin", SourceError)


def run(config: SourcesConfig, inputs: Mapping[str, Path], out: Path) -> None:
    """Read every source in the recipe's order; write `skipped.parquet` and `report.json` as well.

    Raises SourceError for a source that cannot be read, CorpusError where none gave a document.
    """
    reasons: Counter[str] = Counter()
    documents: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    with (
        DocumentWriter(out / "documents") as writer,
        RowWriter(out / "skipped.parquet", Skipped) as skipped,
    ):
        for item in watch(read_sources(config), "sources"):
            if isinstance(item, Skipped):
                skipped.write(item)
                reasons[item.reason] += 1
                continue
            key = (item.source, item.repo)
            documents[key] += 1
            sizes[key] += len(item.text.encode())
            writer.write(item)
    write_report(documents, sizes, reasons, out / "report.json")
    if not documents:
        raise CorpusError(
            f"expected documents from {len(config.sources)} sources, found none "
            f"({skipped.rows} files skipped: {common_reasons(reasons)}); check sources.sources"
        )


def read_sources(config: SourcesConfig) -> Admitted:
    """What every source gives, one source after the other."""
    for source in [build_source(spec) for spec in config.sources]:
        yield from source.read(config)


def build_source(spec: SourceSpec) -> Source:
    """The plugin with its options; raises SourceError that names the known plugins or options."""
    source: Source = GROUP.build(spec.plugin, spec.options)
    return source


def write_report(
    documents: Counter[tuple[str, str]],
    sizes: Counter[tuple[str, str]],
    reasons: Counter[str],
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
        "skipped": dict(reasons.most_common()),
    }
    write_record(path, report)


def repository_rows(
    documents: Counter[tuple[str, str]], sizes: Counter[tuple[str, str]]
) -> Iterator[dict[str, str | int]]:
    """One row for each repository, the largest first."""
    for key, size in sizes.most_common():
        yield {"source": key[0], "repo": key[1], "documents": documents[key], "bytes": size}


def common_reasons(reasons: Counter[str]) -> str:
    """The most common reasons for skipping, for an error message."""
    counts = reasons.most_common(3)
    return ", ".join(f"{reason} {count}" for reason, count in counts) or "no reason recorded"
