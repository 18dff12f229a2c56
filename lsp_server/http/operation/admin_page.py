"""The page with today's figures: one table of people, without scripts."""

from html import escape

from lsp_server import __version__
from lsp_server.http.people.figures import Figures
from lsp_server.http.service import Service

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; max-width: 60rem; }
table { border-collapse: collapse; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #ccc; }
th:first-child, td:first-child { text-align: left; }
"""
COLUMNS = (
    *("person", "requests", "shown", "accepted", "refused", "failed", "hung up"),
    *("p50 ms", "p95 ms"),
)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Lory</title><style>{style}</style></head>
<body><h1>Lory {version}</h1>
<p id="state">{state}</p>
<table id="people"><caption>{day}, UTC</caption>
<thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>
<p>Since midnight, or since the service was started. Times are of the latest answers.</p>
</body></html>
"""


def admin_page(service: Service) -> str:
    """The page as HTML."""
    fleet, day = service.fleet, service.day
    facts = fleet.facts
    state = (
        f"{facts.title if facts else 'no model is loaded'}; engines: {fleet.ready} ready, "
        f"{fleet.running} at work, {fleet.restarts} started again; waiting: {fleet.waiting}"
    )
    people = sorted(day.people.items())
    return PAGE.format(
        style=STYLE,
        version=escape(__version__),
        state=escape(state),
        day=escape(day.day),
        columns="".join(f"<th>{name}</th>" for name in COLUMNS),
        rows="".join(row_of(name, figures) for name, figures in people),
    )


def row_of(name: str, figures: Figures) -> str:
    """One person's row."""
    values = (
        *(figures.requests, figures.shown, figures.accepted),
        *(figures.refused, figures.failed, figures.cancelled),
        *(f"{figures.quantile(share):.0f}" for share in (0.5, 0.95)),
    )
    cells = "".join(f"<td>{value}</td>" for value in values)
    return f"<tr><td>{escape(name)}</td>{cells}</tr>"
