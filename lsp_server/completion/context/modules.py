"""Finds the project's source file that defines an imported name.

Python's own search path is not asked: a name is looked for from the importing file's folder up to
the workspace's, and below `src` and `lib` of each. Nothing is run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from lsp_server.completion.context.outline import Definition, Import, Module
from lsp_server.completion.context.texts import SourceText, TextsAt

LAYOUTS = ("", "src", "lib")
"""Folders that packages lie in."""
HOPS = 3
"""Files that a name is followed through from one package to the next."""
MOST_FOLDERS = 12
"""Between a file and its workspace folder."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an import leads to."""

    source: SourceText
    module: Module
    definition: Definition | None
    """None where the import names the module itself."""


def resolve(item: Import, place: PurePosixPath, texts: TextsAt, hops: int = HOPS) -> Found | None:
    """What an import of the file at `place` leads to; None where that is not in the project."""
    if not item.name:
        return module_at(item, place, texts)
    for source in sources_of(item.level, item.module, place, texts):
        module = texts.outline(source)
        if definition := module.find(item.name):
            return Found(source, module, definition)
        if hops > 1:
            for other in module.imports:
                if other.alias == item.name and (
                    found := resolve(other, source.file, texts, hops - 1)
                ):
                    return found
    return module_at(item, place, texts)


def module_at(item: Import, place: PurePosixPath, texts: TextsAt) -> Found | None:
    """The module that an import names."""
    parts = (*item.module, item.name) if item.name else item.module
    source = next(sources_of(item.level, parts, place, texts), None)
    return None if source is None else Found(source, texts.outline(source), None)


def sources_of(
    level: int, parts: tuple[str, ...], place: PurePosixPath, texts: TextsAt
) -> Iterator[SourceText]:
    """Sources of a module, the nearest first."""
    for root in roots_of(level, place, texts):
        base = root.joinpath(*parts)
        names = [base / "__init__.py", base / "__init__.pyi"]
        if parts:
            names = [base.with_name(base.name + ".py"), *names, base.with_name(base.name + ".pyi")]
        for name in names:
            if (source := texts.read(name)) is not None:
                yield source


def roots_of(level: int, place: PurePosixPath, texts: TextsAt) -> Iterator[PurePosixPath]:
    """Folders that a module's name may be relative to."""
    if level:
        above = place.parents
        if level <= len(above):
            yield above[level - 1]
        return
    for folder in list(place.parents)[:MOST_FOLDERS]:
        if not any(folder.is_relative_to(workspace) for workspace in texts.folders):
            return
        for layout in LAYOUTS:
            yield folder / layout
