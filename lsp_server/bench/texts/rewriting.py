"""Copies workspaces in another form, and maps places in them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lsp_server.bench.replay.blocks import Block, block_at
from lsp_server.bench.replay.gaps import Gap, line_starts
from lsp_server.bench.replay.plans import FilePlan
from lsp_server.bench.replay.points import Point
from lsp_server.bench.texts.files import SourceFile, read_folders
from lsp_server.bench.texts.forms import Form, reindent


def in_form(plans: Sequence[FilePlan], form: Form, out: Path) -> list[FilePlan]:
    """The plans in copies of their workspaces below `out`, which are written in the form."""
    roots = copy_workspaces((plan.file.root for plan in plans), form, out)
    return [relocated(plan, form, roots[plan.file.root]) for plan in plans]


def copy_workspaces(roots: Iterable[Path], form: Form, out: Path) -> dict[Path, Path]:
    """Where each workspace was copied to; a file that is no Python is copied as it is."""
    places = {root: out / root.parent.name / root.name for root in dict.fromkeys(roots)}
    for root, place in places.items():
        for file in read_folders([root]):
            text = file.text
            if form.unit:
                text = reindent(text, form.unit) or text
            target = place / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.replace("\n", form.line_end).encode())
    return places


def relocated(plan: FilePlan, form: Form, root: Path) -> FilePlan:
    """The same places in the file's rewritten text."""
    text = plan.file.text
    new = (reindent(text, form.unit) or text) if form.unit else text
    move = Moved(text, new)
    return FilePlan(
        SourceFile(root=root, path=plan.file.path, text=new),
        tuple(move.point(point) for point in plan.points),
        tuple(move.block(block, len(form.unit)) for block in plan.blocks),
        tuple(move.gap(gap) for gap in plan.gaps),
    )


class Moved:
    """A text and the same with other indentation."""

    def __init__(self, old: str, new: str) -> None:
        self._new = new
        self._old_starts, self._new_starts = line_starts(old), line_starts(new)
        self._old_lines, self._new_lines = old.split("\n"), new.split("\n")

    def offset(self, line: int, offset: int) -> int:
        """The place that a place in that line has now; it stands behind the indentation."""
        behind = len(self._old_lines[line]) - (offset - self._old_starts[line])
        return self._new_starts[line] + len(self._new_lines[line]) - behind

    def point(self, point: Point) -> Point:
        """The point, there."""
        return replace(point, start=self.offset(point.line, point.start))

    def gap(self, gap: Gap) -> Gap:
        """The gap, there."""
        start = self.offset(gap.line, gap.start)
        last = gap.line + gap.cut.count("\n")
        end = self.offset(last, gap.start + len(gap.cut))
        return replace(gap, start=start, cut=self._new[start:end])

    def block(self, block: Block, step: int) -> Block:
        """The block, there."""
        lines = block.text.count("\n") + 1
        return block_at(self._new, block.line, lines, step) if step else block
