"""`lory complete`: shows what would be suggested at a place in a file."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import perf_counter, sleep
from typing import Any

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.context.snapshot import Snapshot
from lsp_server.completion.explanation import Explanation, explain_request
from lsp_server.completion.model.loading import Model, complain
from lsp_server.completion.model.models import Models, load_models
from lsp_server.completion.request_trace import Fate, Outcome, Station, Trace, probability
from lsp_server.completion.suggestion import generate, select
from lsp_server.completion.worker.pending import State
from lsp_server.contract.languages.profiles import language_of
from lsp_server.contract.stopping import last_line
from lsp_server.contract.text_form import CANONICAL
from lsp_server.documents.exclusions import Exclusions
from lsp_server.documents.positions import Encoding, Position
from lsp_server.documents.text_documents import TextDocument
from lsp_server.documents.uris import path_in_workspace, roots_of
from lsp_server.errors import LoryError
from lsp_server.plugins import PluginGuard
from lsp_server.project.reading.source_file import open_real
from lsp_server.project.workspace import Workspace
from lsp_server.settings import Settings, read_settings

PATIENCE = 5.0
"""Seconds that the project's files are read for; in an editor they are read in the background."""
PAUSE = 0.02
SHOWN_LINES = 3
"""Lines before the cursor that are printed."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A place in a file as editors show it: line and column start at 1, columns are characters."""

    path: Path
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it."""

    prefix: str
    """The last lines before the cursor."""
    trace: Trace
    """Without the time to load the model."""
    model: str
    """What answered, and in which language."""
    explanation: Explanation


def parse_place(text: str) -> FilePlace:
    """A place from `FILE:LINE:COLUMN`; LoryError for anything else."""
    path, *numbers = text.rsplit(":", 2)
    if len(numbers) != 2 or not path or not all(number.isdecimal() for number in numbers):
        raise LoryError(f"expected FILE:LINE:COLUMN, found {text!r}; such as app.py:12:5")
    return FilePlace(Path(path), int(numbers[0]), int(numbers[1]))


def complete_at(place: FilePlace, given: Mapping[str, Any]) -> Trial:
    """The suggestions at a place, with these settings; LoryError where there cannot be any."""
    settings, guard = read_settings(given), PluginGuard(complain)
    cursor = read_cursor(place, settings)
    workspace = Workspace(lambda uri: None)
    workspace.use(cursor.language)
    models = load_models(settings, guard, lambda percent, message: None, workspace)
    model = models.of(cursor.language)
    assert model is not None  # the language that is used has been started
    with project_read(models, workspace, settings):
        return try_cursor(model, settings, guard, cursor)


@contextmanager
def project_read(models: Models, workspace: Workspace, settings: Settings) -> Iterator[None]:
    """Read the working folder's other files, as an editor's workspace, for PATIENCE at most."""
    workspace.begin([Path.cwd().as_uri()], settings)
    following = models.followed(tell)
    deadline, index = perf_counter() + PATIENCE, models.project.project
    while index and not index.is_whole and perf_counter() < deadline:
        sleep(PAUSE)
    try:
        yield
    finally:
        following.stop_reading()


def try_cursor(model: Model, settings: Settings, guard: PluginGuard, cursor: Cursor) -> Trial:
    """What would be suggested at one cursor, and how long it took."""
    trace = Trace(Position(cursor.snapshot.line, len(last_line(cursor.prefix))), allowed=True)
    found = generate(model, settings, guard, cursor, Event())
    filtered = select(model, settings, guard, cursor, found.candidates)
    trace.outcome = Outcome(filtered=filtered, generation=found)
    trace.end(Fate.ANSWERED, filtered.shown)
    tail = "".join(cursor.prefix.splitlines(keepends=True)[-SHOWN_LINES:])
    return Trial(tail, trace, found.model, explain_request(trace, State("ready", 100, model.title)))


def tell(message: str) -> None:
    """Say on standard error what goes wrong beside the completion, which still comes."""
    sys.stderr.write(f"lory: {message}\n")


def read_cursor(place: FilePlace, settings: Settings) -> Cursor:
    """The cursor at a place; LoryError where there is no such place, or it may not be read."""
    path = place.path.resolve()
    folder = Path.cwd().as_uri()
    unread = Exclusions(settings.unread, roots_of([folder]))
    if (rule := unread.rule_against(path.as_posix(), place.path.absolute().as_posix())) is not None:
        raise LoryError(
            f"expected a file that may be read, found {place.path}, which {rule!r} excludes; "
            "see the setting exclude"
        )
    document = read_document(path)
    if not 1 <= place.line <= len(document.lines):
        raise LoryError(
            f"{place.path}: expected a line from 1 to {len(document.lines)}, found {place.line}"
        )
    line = document.lines[place.line - 1].rstrip("\r\n")
    if not 1 <= place.column <= len(line) + 1:
        raise LoryError(
            f"{place.path}:{place.line}: expected a column from 1 to {len(line) + 1}, "
            f"found {place.column}"
        )
    at = place.line - 1, place.column - 1
    return Cursor(
        uri=document.uri,
        language=document.language,
        path=path_in_workspace(document.uri, [folder]),
        prefix=document.before(*at),
        suffix=document.after(*at),
        form=document.form or CANONICAL,
        snapshot=Snapshot(folders=(folder,), line=at[0], unread=unread),
    )


def read_document(path: Path) -> TextDocument:
    """A file as an editor would open it; LoryError where it is no text."""
    try:
        with open(open_real(path.as_posix()), "rb") as file:  # what was judged, not what came since
            text = file.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise LoryError(f"expected a UTF-8 text file, found {path}: {exc}") from exc
    document = TextDocument(path.as_uri(), language_of(path.name), Encoding.UTF32)
    document.replace(text)
    return document


def show(trial: Trial, *, why: bool = False) -> str:
    """A trial as text for people; with each station's word, if they ask why."""
    explanation, shown = trial.explanation, trial.trace.shown
    rows = [f"prefix      {indent(trial.prefix)}"]
    rows += [f"suggestion  {indent(candidate.text)}" for candidate in shown]
    rows += [] if shown else [f"suggestion  none. {explanation.summary}"]
    rows += [f"time        {trial.trace.milliseconds:.0f} ms"]
    rows += [f"by          {trial.model}"]
    if why:
        width = max(len(name_of(item)) for item in explanation.stations) + 2
        rows += [f"{name_of(item):<{width}}{item.detail}" for item in explanation.stations]
    return "\n".join(rows) + "\n"


def name_of(station: Station) -> str:
    """A station's name, marked where the request went no further."""
    return station.name if station.passed else f"{station.name} (end)"


def as_json(trial: Trial, *, why: bool = False) -> str:
    """A trial as one line of JSON; with the answer to `lory/explain`, if someone asks why."""
    offers = [{"text": item.text, "probability": probability(item)} for item in trial.trace.shown]
    record = {"prefix": trial.prefix, "offers": offers, "milliseconds": trial.trace.milliseconds}
    return json.dumps(record | ({"why": trial.explanation.as_json()} if why else {})) + "\n"


def indent(text: str) -> str:
    """Text whose further lines stand below the first, behind a label."""
    return text.replace("\n", "\n" + " " * 12)
