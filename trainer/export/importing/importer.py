"""Makes a bundle of a model that others made: reads it, proves it, and only then gives it its name.

All is written to a folder beside the bundle's, which takes the bundle's name once it is whole.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.contract.bundles.bundle import (
    CARD,
    MIXTURE,
    MODEL,
    TOKENIZER,
    Bundle,
    load,
    record_file,
    record_files,
    sentinel_ids,
)
from lsp_server.contract.bundles.manifest import FORMAT, Manifest, Provenance, write_manifest
from lsp_server.contract.bundles.prompt_layout import Layout
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.contract.recall import SEPARATOR
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.mixture import read_weights
from trainer.errors import ImportModelError
from trainer.export.bundle import check, read_needs
from trainer.export.importing.card import write_card
from trainer.export.importing.decoder.families import make_decoder
from trainer.export.importing.decoder.graph_file import WEIGHTS, write_graph
from trainer.export.importing.decoder.shape import Decoder
from trainer.export.importing.decoder.sizes import check_sizes
from trainer.export.importing.layouts import Probe, choose_layout
from trainer.export.importing.licences import check_licence
from trainer.export.importing.proof import Proof, evened, prove
from trainer.export.importing.renumbering import Renumbered, count_used, renumber, with_rows
from trainer.export.importing.roles import find_roles
from trainer.export.importing.samples import counted_texts
from trainer.export.importing.sources.adapter import with_adapter
from trainer.export.importing.sources.find import find_source
from trainer.export.importing.sources.source import Source

if TYPE_CHECKING:
    from trainer.export.graph.builder import Precision

THREADS = 2

PRECISIONS_TRIED: tuple["Precision", ...] = ("int8_rows", "int8_blocks")
"""Rows read a prompt twice as fast; blocks lose less."""

Tell = Callable[[str], None]
"""Takes what is being done, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a model is to be imported."""

    precision: "Precision | None" = None
    """None: the first of PRECISIONS_TRIED that the gate lets through."""
    context: int = 512
    """Tokens of prompt and completion together; fewer where the model has fewer. More are read
    longer, and SmolLM2 saves no more with them: the project's counts see the rest."""
    name: str = ""
    """Of the bundle; the model's own where none is given."""
    languages: tuple[str, ...] = ("python",)
    licence: str = ""
    """That the user accepts, where the model states none or one that forbids some uses."""
    adapter: Path | None = None
    """What `lory-train adapt` learned for the model."""
    origin: str = ""
    """Where the source comes from, for people; what names it where none is given."""


@dataclass(frozen=True, slots=True)
class Work:
    """A model that is read and understood, on its way into a bundle."""

    source: Source
    decoder: Decoder
    """With the rows of its tables by the new ids."""
    renumbered: Renumbered
    parameters: int
    licence: str
    options: Options

    @property
    def title(self) -> str:
        """Of the bundle."""
        return self.options.name or self.source.name


def import_model(name: str, out: Path, options: Options, tell: Tell) -> Bundle:
    """Write the bundle `out`, which must not be there yet.

    Raises ImportModelError for a model that cannot be read, is not understood, or whose graph is
    not proven to be it; nothing is left behind then.
    """
    if out.exists():
        raise ImportModelError(f"{out}: expected no such folder yet, found one; name another")
    tell(f"reading {options.origin or name}")
    work = read_model(find_source(name), options)
    with made_whole(out) as folder:
        write_bundle(work, folder, tell)
    return load(out)


def read_model(source: Source, options: Options) -> Work:
    """Understand a model before anything is written; ImportModelError where that fails."""
    licence = check_licence(source, options.licence)
    source = replace(source, origin=options.origin or source.origin)
    if options.adapter is not None:
        source = with_adapter(source, options.adapter)
    decoder = make_decoder(source.config, source.tensors, options.context)
    parameters = check_sizes(decoder)
    renumbered = renumber_source(source)
    moved = with_rows(decoder, renumbered)
    return Work(source, moved, renumbered, parameters, licence, options)


def write_bundle(work: Work, folder: Path, tell: Tell) -> None:
    """Prove the model and write all files of its bundle; ImportModelError where it fails."""
    source, options = work.source, work.options
    text = json.dumps(work.renumbered.tokenizer, ensure_ascii=False)
    (folder / TOKENIZER).write_text(text, encoding="utf-8")
    tell("comparing its graph with the model")
    context = work.decoder.shape.context
    wanted = (options.precision,) if options.precision else PRECISIONS_TRIED
    proof = prove(source, work.renumbered, folder / TOKENIZER, wanted, context)
    tell(f"writing the graph in {proof.precision}")
    even = evened(work.decoder, proof.precision, folder / TOKENIZER)
    write_graph(even, proof.precision, folder)
    tell("finding the order in which it reads a prompt")
    probe = choose_layout(
        find_roles(source.tokenizer, source.config),
        OnnxDecoder(open_session(folder / MODEL, threads=THREADS)),
        load_tokenizer(folder / TOKENIZER),
    )
    facts = describe(source, proof) | describe_probe(probe)
    if options.adapter is not None:
        facts["adapter"] = f"sha256 {record_file(options.adapter).sha256}"
        take_mixture(options.adapter, folder)
    card = write_card(source, work.title, work.licence, facts)
    (folder / CARD).write_text(card, encoding="utf-8")
    write_manifest(folder, make_manifest(work, folder, facts, (proof.precision, probe.layout)))
    check(folder)


@contextmanager
def made_whole(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` where the block ends well, and is removed where it does not."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield folder
        folder.chmod(0o755)
        folder.rename(out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def take_mixture(adapter: Path, folder: Path) -> None:
    """The weights of the cache model that were fitted to a tuned model lie beside its adapter."""
    fitted = adapter.with_name(MIXTURE)
    if fitted.exists():
        read_weights(fitted)  # BundleError where it holds something else
        shutil.copyfile(fitted, folder / MIXTURE)


def renumber_source(source: Source) -> Renumbered:
    """The source's tokenizer with Lory's ids; what code uses most first, where ids are many."""
    roles = find_roles(source.tokenizer, source.config)
    rows = int(source.config["vocab_size"])
    renumbered = renumber(source.tokenizer, rows, roles)
    if len(renumbered.rows) <= SEPARATOR:
        return renumbered
    return renumber(source.tokenizer, rows, roles, count_used(source.tokenizer, counted_texts()))


def describe(source: Source, proof: Proof) -> dict[str, str]:
    """What the manifest and the card say of the import."""
    exact, stored = proof.exact, proof.stored
    return {
        "imported from": source.origin,
        "weights sha256": source.digest(),
        "compared with": f"{proof.reference}, {proof.layers} layers, {exact.tokens} tokens of code",
        "float graph": f"logits within {exact.deviation:.1g} deviations",
        "stored graph": (
            f"divergence {stored.divergence:.2g} nats, {stored.agreement:.1%} of first choices kept"
        ),
    }


def describe_probe(probe: Probe) -> dict[str, str]:
    """What the layout of a prompt gains, for people."""
    gain = f"{probe.nats:.3f} nats a hidden token, {probe.alone:.3f} with the prefix alone"
    return {"prompt": f"{probe.name}: {gain}"}


def make_manifest(
    work: Work, folder: Path, facts: dict[str, str], found: tuple["Precision", Layout]
) -> Manifest:
    """The manifest of the files in `folder`, whose precision and layout were found."""
    precision, layout = found
    names = (MODEL, TOKENIZER, CARD, *(n for n in (WEIGHTS, MIXTURE) if (folder / n).exists()))
    shape, options = work.decoder.shape, work.options
    return Manifest(
        format=FORMAT,
        name=work.title,
        version="1",
        languages=options.languages,
        architecture=str(work.source.config["model_type"]),
        parameters=work.parameters,
        context=shape.context,
        vocabulary=shape.vocabulary,
        sentinels=sentinel_ids(),
        precision=precision,
        files=record_files(folder, names),
        provenance=Provenance(
            recipe="import", seed=0, ledger_sha256="", licences={work.licence: 1}, training=facts
        ),
        evaluation=(),
        engine=read_needs(folder / MODEL),
        layout=layout,
    )
