"""Takes a bundle out of a .zip or .tar file, and nothing else.

Only what the bundle's manifest lists is written, each file in just the size that it lists.
"""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from lsp_server.cli.models.keeping import check_space
from lsp_server.contract.bundles.bundle import PLAIN_NAME
from lsp_server.contract.bundles.manifest import MANIFEST, read_manifest
from lsp_server.errors import ModelError

DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError),
    *(NotImplementedError, RuntimeError),  # of zipfile: a strange method, a password
)
MOST_MEMBERS = 64
LARGEST = 64 * 10**9
"""Bytes of an archive's files."""
LARGEST_MANIFEST = 10_000_000
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive."""

    path: str
    size: int
    is_file: bool
    """No link, device or pipe."""
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """Whether a file is one that `unpack` may read."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def bundle_in(wheel: Path) -> str:
    """The folder of a wheel that holds a bundle, with a slash at its end; "" where none does."""
    try:
        with zipfile.ZipFile(wheel) as file:
            folders = [each.rpartition("/") for each in file.namelist()]
    except (*DAMAGED, OSError) as exc:
        raise ModelError(f"{wheel}: expected a wheel, found something else ({exc})") from exc
    found = [f"{folder}/" for folder, _, name in folders if name == MANIFEST and folder]
    if len(found) > 1:
        raise ModelError(f"{wheel.name}: expected one bundle, found {len(found)}")
    return found[0] if found else ""


def unpack(path: Path, folder: Path, within: str = "") -> None:
    """Write a bundle's files into a folder that is there; ModelError for any other archive.

    Of a wheel, what lies `within` one folder is looked at alone.
    """
    try:
        with members_of(path) as members:
            named = by_name(path, [each for each in members if each.path.startswith(within)])
            if MANIFEST not in named:
                raise ModelError(
                    f"{path}: expected a bundle with its {MANIFEST}, found none in the archive; "
                    "a checkpoint is added by its folder, and a pickled one never"
                )
            write(path, named, MANIFEST, min(named[MANIFEST].size, LARGEST_MANIFEST), folder)
            wanted = read_manifest(folder).files
            check_space(sum(record.bytes for record in wanted.values()))
            for name, record in wanted.items():
                write(path, named, name, record.bytes, folder)
    except DAMAGED as exc:
        raise ModelError(f"{path}: expected a whole archive, found: {exc}") from exc
    if strange := sorted(set(named) - {*wanted, MANIFEST}):
        raise ModelError(f"{path}: expected what {MANIFEST} lists alone, found also {strange[0]}")


@contextmanager
def members_of(path: Path) -> Iterator[list[Member]]:
    """What an archive holds, while it is open; folders are left out."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            yield [zip_member(file, each) for each in file.infolist() if not each.is_dir()]
        return
    with tarfile.open(path) as tar:
        yield list(tar_members(path, tar))


def zip_member(file: zipfile.ZipFile, item: zipfile.ZipInfo) -> Member:
    """A member; a mode of none is a file's."""
    kind = stat.S_IFMT(item.external_attr >> 16)
    return Member(item.filename, item.file_size, kind in (0, stat.S_IFREG), lambda: file.open(item))


def tar_members(path: Path, tar: tarfile.TarFile) -> Iterator[Member]:
    """The members of a tar file, which is read no further than a bundle's could reach."""
    total = 0
    for count, item in enumerate(tar):
        total += item.size
        if count > MOST_MEMBERS or total > LARGEST:
            raise ModelError(f"{path}: expected a bundle's few files, found more")
        if not item.isdir():
            yield Member(item.name, item.size, item.isfile(), partial(tar.extractfile, item))


def by_name(path: Path, members: list[Member]) -> dict[str, Member]:
    """The members by their own names; ModelError for names that lead anywhere else."""
    if len(members) > MOST_MEMBERS:
        raise ModelError(f"{path}: expected a bundle's few files, found {len(members)}")
    found: dict[str, Member] = {}
    tops: set[str] = set()
    for member in members:
        *folders, name = member.path.removeprefix("./").split("/")
        tops.add("/".join(folders))
        plain = len(folders) <= 1 and all(map(PLAIN_NAME.fullmatch, (*folders, name)))
        if not plain or not member.is_file or name in found or len(tops) > 1:
            raise ModelError(
                f"{path}: expected the plain files of one folder, found {member.path!r:.80}; "
                "pack the bundle's folder anew"
            )
        found[name] = member
    return found


def write(path: Path, named: dict[str, Member], name: str, size: int, folder: Path) -> None:
    """Write one file of just so many bytes; ModelError where the archive's is another."""
    member = named.get(name)
    if member is None or not PLAIN_NAME.fullmatch(name) or member.size != size:
        found = "none" if member is None else f"{member.size}"
        raise ModelError(f"{path}: expected {name} of {size} bytes, found {found}")
    source = member.open()
    if source is None:
        raise ModelError(f"{path}: expected {name} to be a file, found another kind")
    left = size
    with source, (folder / name).open("xb") as file:
        while piece := source.read(min(PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                break
            file.write(piece)
    if left:
        raise ModelError(f"{path}: expected {name} of {size} bytes, found more or less")
