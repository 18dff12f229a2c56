"""`lory-train report`: writes a run's report as HTML and as Markdown.

    index.html    self-contained, figures included
    report.md     the same, with its figures as PNG files beside it

Stages that the run does not have are left out; those underway are shown as far as they are.
"""

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from lsp_server.contract.records import write_whole
from trainer.errors import StageError
from trainer.pipeline import STAGES
from trainer.report.figures import render
from trainer.report.scaling import scaling_section
from trainer.report.sections import Section, Table, read_sections


def write_report(run: Path, out: Path, beside: Sequence[Path] = ()) -> Path:
    """Write both into `out`; gives the page. `beside`: runs that trained for other lengths.

    Raises StageError where `run` has no stage, or runs to compare have not ended pretraining.
    """
    if not any((run / stage.name).is_dir() for stage in STAGES):
        raise StageError(
            f"report: expected the folder of a run, with stages such as pretrain, found none in "
            f"{run}; name one: lory-train report runs/tiny"
        )
    sections = read_sections(run)
    if beside:
        sections.append(scaling_section([run, *beside]))
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.png"):
        old.unlink()
    images = {
        figure.name: render(figure, out / f"{figure.name}.png")
        for section in sections
        for figure in section.figures
    }
    title = f"Report of {run.resolve().name}"
    write_whole(out / "report.md", "\n\n".join([f"# {title}", *markdown(sections)]) + "\n")
    page = out / "index.html"
    write_whole(page, html_page(title, sections, images))
    return page


def markdown(sections: Sequence[Section]) -> Iterator[str]:
    """The parts of the Markdown twin."""
    for section in sections:
        yield f"## {section.title}"
        yield from section.paragraphs
        for figure in section.figures:
            yield f"![{figure.alt}]({figure.name}.png)"
        for table in section.tables:
            yield f"**{table.caption}**"
            yield markdown_table(table)


def markdown_table(table: Table) -> str:
    """A table; columns of code keep their text whatever it holds."""
    rows = [
        [markdown_code(cell) if name in table.code else markdown_text(cell) for name, cell in row]
        for row in (zip(table.head, cells, strict=True) for cells in table.rows)
    ]
    lines = [list(table.head), ["---"] * len(table.head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_text(text: str) -> str:
    """Text on one line that is no markup."""
    escaped = "".join(f"\\{mark}" if mark in "\\|`*_<>[]" else mark for mark in text)
    return " ".join(escaped.split())


def markdown_code(text: str) -> str:
    """Code on one line, its line ends shown; in HTML, since backticks cannot hold all code."""
    if not text:
        return ""
    shown = html.escape(text, quote=False).replace("\r", "").replace("\n", "⏎")
    for mark in "\\|`*_[]~$":
        shown = shown.replace(mark, f"&#{ord(mark)};")
    return f"<code>{shown}</code>"


def html_page(title: str, sections: Sequence[Section], images: Mapping[str, bytes]) -> str:
    """The whole page, by the template beside this module."""
    pages = Environment(
        loader=PackageLoader("trainer.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    encoded = {name: base64.b64encode(image).decode() for name, image in images.items()}
    template = pages.get_template("page.html.jinja")
    return template.render(title=title, sections=sections, images=encoded)
