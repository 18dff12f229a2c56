"""One editor's session: its settings, its documents and its model.

All methods run on the event loop's thread, and know nothing of the protocol's types.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from lsp_server.completion import read_policy
from lsp_server.completion.completer import Completer
from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.context.snapshot import EMPTY_SNAPSHOT, Lookout
from lsp_server.completion.explanation import (
    Explanation,
    explain_absence,
    explain_refusal,
    explain_request,
)
from lsp_server.completion.insert_place import (
    Answer,
    InsertPlace,
    Selection,
    ghost_place,
    menu_place,
)
from lsp_server.completion.request_trace import Fate, Outcome, Source, Station, Trace, Traces
from lsp_server.completion.worker.pending import Status
from lsp_server.documents.exclusions import EVERYTHING, Exclusions
from lsp_server.documents.positions import Position
from lsp_server.documents.text_documents import Documents, Edit, TextDocument
from lsp_server.documents.text_edits import Point
from lsp_server.documents.uris import path_in_workspace, roots_of
from lsp_server.feedback.observer import Observer
from lsp_server.plugins import PluginGuard, Report
from lsp_server.project.workspace import Workspace, what_is_read
from lsp_server.protocol.settling import Settling
from lsp_server.settings import Settings, judge_settings, loaded_with

log = logging.getLogger(__name__)


class Session:
    """What lasts from `initialize` to `exit`."""

    def __init__(self, status: Status, report: Report) -> None:
        self.settings = Settings()
        self.documents = Documents()
        self._lookout = Lookout(self.documents)
        self.folders: list[str] = []
        """URIs of the workspace's folders."""
        self._rules = EVERYTHING
        """What is not read; another object after each change of what may be."""
        self._status = status
        self._guard = PluginGuard(report)
        self.workspace = Workspace(self._live_text)
        self.completer = Completer(status, self._guard, self.workspace)
        self._options: Any = None
        self._loaded_for: Any = None
        self._lost: set[str] = set()
        """Open documents of which a change was lost: what they say now is not known."""
        self.settling = Settling(status)
        self.traces = Traces()
        self.feedback = Observer(self.documents, self._guard)

    def begin(self, options: Any) -> None:
        """Take `initializationOptions`; what is wrong with them `configure` will report."""
        self._options = options
        self.settings = judge_settings(options).settings
        self._rules = Exclusions(self.settings.unread, roots_of(self.folders))

    def configure(self, configuration: Any = None) -> None:
        """Take the configuration's section `lory`; a faulty setting leaves the others alone."""
        self._guard.forget_reports()
        reading = judge_settings(self._options, configuration)
        before, self.settings = self.settings, reading.settings
        if reading.faults:
            self._guard.report_once("; ".join(reading.faults))
        logging.getLogger("lsp_server").setLevel(self.settings.log_level.upper())
        self.feedback.apply(self.settings)  # first: nothing is written that is not wanted any more
        if what_is_read(before) != what_is_read(self.settings):
            self._forget_what_may_not_be_read()
        self._load()

    def serve(self) -> None:
        """Read the project and hand requests to the engine: it is known what may be read."""
        self.workspace.begin(self.folders, self.settings)
        self.settling.serve()
        for held in self.documents.release():
            self.open(held.uri, held.language, held.text)

    def take_folders(self, folders: Iterable[str]) -> None:
        """The workspace has other folders, given by their URIs."""
        self.folders = list(folders)
        self._forget_what_may_not_be_read()

    def _live_text(self, uri: str) -> str | None:
        document = self.documents.get(uri)
        return None if document is None else document.text

    async def complete(self, place: InsertPlace) -> Answer | None:
        """What `Completer.complete` gives, once it is known what may be read; none of the rest."""
        cursor, document = place.cursor, self.documents.get(place.cursor.uri)
        revision, rules = None if document is None else document.revision, self._rules
        trace = self.traces.begin(cursor.uri, Trace(place.end, cursor.invoked, place.lead))
        try:
            await self.settling.wait()
            trace.allowed = True
            if not self.settling.serving or self.documents.get(cursor.uri) is None:
                return Answer(())
            if rules is not self._rules:
                cursor = replace(cursor, snapshot=EMPTY_SNAPSHOT)
            if loaded_with(self.settings) != self._loaded_for:
                self._load()  # the user has chosen another model
            shown = await self.completer.complete(cursor, trace)
        except asyncio.CancelledError:
            trace.end(Fate.CANCELLED)
            raise
        trace.end(Fate.SUPERSEDED if shown is None else Fate.ANSWERED, shown or ())
        if shown is None:
            return None
        if document is None or document.revision != revision:
            return Answer(tuple(shown))  # an editor that has gone on does not show it
        return Answer(
            tuple(shown),
            self.feedback.offer(place, trace, self.completer.model_of(cursor.language)),
        )

    def turn_away(self, uri: str, at: Position, obstacle: Station | None = None) -> None:
        """Note a request that nobody is asked for, as of an obstacle or as it was cancelled."""
        if (document := self.documents.get(uri)) is not None:
            at = document.position(*document.locate(at))
            trace = Trace(at, source=Source.NONE, outcome=Outcome(obstacle=obstacle))
            trace.end(Fate.CANCELLED if obstacle is None else Fate.ANSWERED)
            self.traces.turn_away(uri, trace)

    def _load(self) -> None:
        """Load, unload or keep the model, as the settings ask."""
        before, self._loaded_for = self._loaded_for, loaded_with(self.settings)
        if not self.settings.enabled:
            self.completer.unload(self.settings)
        elif before != self._loaded_for:
            self.completer.load(self.settings)
        else:
            self.completer.apply(self.settings)

    def explain(self, uri: str, position: Position | None = None) -> Explanation:
        """What became of a document's last request, if it was made at that position."""
        state = self.completer.state
        if (unread := self._refusal(uri)) is not None:
            return explain_refusal(unread, state)
        trace, document = self.traces.last(uri), self.documents.get(uri)
        if position is not None and document is not None:
            position = document.position(*document.locate(position))
        if trace is None or position not in (None, trace.position):
            return explain_absence(trace, position, state)
        return explain_request(trace, state)

    def _refusal(self, uri: str) -> read_policy.Refusal | None:
        """Why a document is not read; None where it is."""
        if self.settling.given_up:
            return read_policy.UNSETTLED
        if self.documents.get(uri) is not None:
            return None
        if uri in self._lost:
            return read_policy.LOST
        language = self.documents.unread_language(uri)
        if language is None:
            return read_policy.NOT_OPEN
        return self._rule_against(uri, language) or read_policy.UNREAD

    def _rule_against(self, uri: str, language: str) -> read_policy.Refusal | None:
        """Why a document may not be read; None where it may."""
        return read_policy.refusal(self.settings, uri, language, self._rules.roots)

    def open(self, uri: str, language: str, text: str) -> None:
        """A document was opened."""
        self._lost.discard(uri)
        if self._rule_against(uri, language) is None:
            self.feedback.close(uri)
            self.documents.open(uri, language, text)
            if self.workspace.use(language):
                self.completer.open_language()
        else:
            if self.documents.get(uri) is not None:  # in a language that was on
                self.completer.forget_texts()
            self._forget(uri, language)
            may_come = read_policy.may_come_on(self.settings, uri, language, self._rules.roots)
            if may_come and not self.settling.serving:
                self.documents.hold(uri, language, text)
        self.workspace.open(uri)

    def edit(self, uri: str, edits: Iterable[Edit | str]) -> None:
        """A document was changed."""
        self.feedback.edit(uri, self.documents.edit(uri, edits))
        self.workspace.edit(uri)

    def lose_track(self, uri: str | None) -> None:
        """A change cannot be read, of one document or of any: it is not read until opened anew."""
        why = read_policy.LOST.reason
        lost = [found for found in self.documents.known() if uri in (None, found.uri)]
        for document in lost:
            log.warning("%s is not read until it is opened anew: %s", document.uri, why)
            self._forget(document.uri, document.language)
            self._lost.add(document.uri)
            self.workspace.edit(document.uri)
        if lost:
            self._tell_reading()

    def save(self, uri: str, text: str | None) -> None:
        """A document was saved: read it if only earlier settings forbade that."""
        language = self.documents.unread_language(uri)
        if language is not None and text is not None:
            self.open(uri, language, text)
            self._tell_reading()

    def close(self, uri: str) -> None:
        """A document was closed."""
        self._lost.discard(uri)
        self.feedback.close(uri)
        self.documents.close(uri)
        self.workspace.close(uri)
        self.completer.forget(uri)
        self.traces.forget(uri)

    def _tell_reading(self) -> None:
        """Whether a document is read may have changed: a status bar that shows it asks again."""
        self._status.repeat(self.completer.state)

    def _forget(self, uri: str, language: str) -> None:
        self.feedback.drop(uri)
        self.documents.forget(uri, language)
        self.completer.forget(uri)
        self.traces.forget(uri)

    def _forget_what_may_not_be_read(self) -> None:
        """The rules are others: forget the documents that they exclude, and all made of any."""
        self._rules = Exclusions(self.settings.unread, roots_of(self.folders))
        self.documents.edited.drop_closed()
        for document in self.documents.read():
            if self._rule_against(document.uri, document.language) is not None:
                self._forget(document.uri, document.language)
        self.traces.clear()
        self._lookout.forget()
        self.completer.forget_texts()
        if self.settling.serving:
            self.workspace.begin(self.folders, self.settings)
            self._tell_reading()

    def ghost_place(
        self, uri: str, position: Position, selection: Selection | None, *, invoked: bool
    ) -> InsertPlace | None:
        """Where ghost text goes; None in a document that is not read.

        `invoked`: a person asks, and may want several suggestions to choose from.
        """
        if (document := self.documents.get(uri)) is None:
            return None
        cursor_at = partial(self._cursor, invoked=invoked)
        return ghost_place(document, cursor_at, position, selection)

    def menu_place(self, uri: str, position: Position) -> InsertPlace | None:
        """Where an entry of the completion menu goes; None in a document that is not read."""
        document = self.documents.get(uri)
        return None if document is None else menu_place(document, self._cursor, position)

    def _cursor(
        self, document: TextDocument, start: Point, end: Point, *, invoked: bool = False
    ) -> Cursor:
        return Cursor(
            uri=document.uri,
            language=document.language,
            path=path_in_workspace(document.uri, self.folders),
            prefix=document.before(*start),
            suffix=document.after(*end),
            form=self.documents.form_of(document),
            invoked=invoked,
            snapshot=self._lookout.look(document, start[0], self.folders, self._rules),
        )

    def end(self) -> None:
        """The editor is going."""
        self.feedback.end()
        self.completer.end()
