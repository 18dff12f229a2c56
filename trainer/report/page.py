"""`lory-train report`: writes a run's report as HTML and as Markdown.

    index.html    self-contained, figures included
    report.md     the same, with its figures as PNG files beside it

Stages that the run does not have are left out; those underway are shown as far as they are.
"""

import base64
import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from lsp_server.contract.records import write_whole
from trainer.errors import StageError
from trainer.pipeline import STAGES
from trainer.report.figures import render
from trainer.report.scaling import scaling_section
from trainer.report.sections import Section, Table, read_sections

STYLE = """
:root { color-scheme: light dark; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
  font-family: system-ui, sans-serif; }
img { max-width: 100%; height: auto; }
figure { margin: 1rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0;
  border-bottom: 1px solid #8886; }
code { font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: inherit; }
"""


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


def html_page(title: str, sections: Sequence[Section], images: dict[str, bytes]) -> str:
    """The whole page."""
    body = "\n".join(html_section(section, images) for section in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{html.escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def html_section(section: Section, images: dict[str, bytes]) -> str:
    """One section."""
    parts = [f"<h2>{html.escape(section.title)}</h2>"]
    parts += [f"<p>{html.escape(text)}</p>" for text in section.paragraphs]
    for figure in section.figures:
        data = base64.b64encode(images[figure.name]).decode()
        alt = html.escape(figure.alt)
        parts.append(f'<figure><img alt="{alt}" src="data:image/png;base64,{data}"></figure>')
    parts += [html_table(table) for table in section.tables]
    return f"<section>\n{chr(10).join(parts)}\n</section>"


def html_table(table: Table) -> str:
    """One table, in a frame of its own where it is wider than the page."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in table.head)
    rows = "\n".join(
        f"<tr>{''.join(html_cell(name, cell, table) for name, cell in row)}</tr>"
        for row in (zip(table.head, cells, strict=True) for cells in table.rows)
    )
    return (
        f'<div class="wide"><table>\n<caption>{html.escape(table.caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def html_cell(name: str, cell: str, table: Table) -> str:
    """One cell."""
    text = html.escape(cell)
    return f"<td><code>{text}</code></td>" if name in table.code else f"<td>{text}</td>"
