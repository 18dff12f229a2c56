"""`lory try`'s report as one page of HTML that loads nothing."""

from collections.abc import Sequence
from html import escape

from lsp_server.bench.commits.examples import Example
from lsp_server.bench.commits.figures import ServerFigures
from lsp_server.bench.commits.trial import Trial
from lsp_server.bench.reporting.trial_report import answer, notes, rows

STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse } td, th { text-align: left; padding: .3em 1em .3em 0 }
tr + tr { border-top: 1px solid #8884 } pre { background: #8881; padding: .6em; overflow-x: auto }
mark.right { background: #2a72 } mark.wrong { background: #c332 } mark { color: inherit }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd } }
"""


def html_page(trial: Trial, figures: Sequence[ServerFigures]) -> str:
    """The whole page."""
    name = escape(printable(trial.name))
    said = "".join(f"<p>{escape(line)}</p>\n" for line in answer(trial, figures[0]).split("\n"))
    told = "".join(f"<p>{escape(line)}</p>\n" for line in notes(trial) if line)
    shown = "".join(example_parts(each) for each in figures)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>Lory in {name}</title>\n<style>\n{STYLE}</style>\n"
        f"<h1>Lory in {name}</h1>\n{said}{table(figures)}{shown}<h2>How</h2>\n{told}</html>\n"
    )


def table(figures: Sequence[ServerFigures]) -> str:
    """The figures."""
    head = "".join(f"<th>{escape(each.name)}</th>" for each in figures)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in rows(figures)
    )
    return f"<table>\n<tr><th></th>{head}</tr>\n{body}</table>\n"


def example_parts(figures: ServerFigures) -> str:
    """A server's examples."""
    parts = [f"<h2>{escape(figures.name)}</h2>\n"]
    if figures.right_example:
        parts.append(f"<p>Longest right suggestion:</p>\n{code(figures.right_example, 'right')}")
    if figures.wrong_example:
        written = escape(printable(figures.wrong_example.line + figures.wrong_example.truth))
        parts.append(f"<p>Longest wrong suggestion:</p>\n{code(figures.wrong_example, 'wrong')}")
        parts.append(f"<p>What was written there:</p>\n<pre>{written}</pre>\n")
    return "".join(parts)


def code(example: Example, kind: str) -> str:
    """The line with the suggestion marked."""
    line, suggested = escape(printable(example.line)), escape(printable(example.suggested))
    return f'<pre>{line}<mark class="{kind}">{suggested}</mark></pre>\n'


def printable(text: str) -> str:
    """The text without what a page may not hold, such as lone surrogates and controls."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
