"""The service as an ASGI application: the guard first, then the dialect whose route it is.

Nothing of a request is logged but its route, status, sizes and times.
"""

import asyncio
import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from lsp_server.http.dialects.dialect import (
    Body,
    Call,
    Dialect,
    Route,
    any_body,
    json_reply,
    openai_error,
)
from lsp_server.http.guard.bodies import HungUp, Receive, parse_body, read_body
from lsp_server.http.guard.credentials import identify
from lsp_server.http.guard.origins import refuse_foreign_host, refuse_pages
from lsp_server.http.operation.routes import DIALECT as OPERATION
from lsp_server.http.operation.traces import Answer
from lsp_server.http.people.register import Person
from lsp_server.http.refusal import Refusal
from lsp_server.http.service import Service
from lsp_server.plugins import DIALECTS, list_plugins

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
UNKNOWN = "other"
"""The route of requests for no route, in measures and the log."""
LONGEST_SESSION = 200
GONE = 499
LATER = 1.0
"""Seconds; own connections are closed in time, but those of an ingress are not."""
NOBODY = Person("", "")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A route and the dialect that it belongs to."""

    route: Route
    dialect: Dialect


def load_dialects(trusted: bool = True) -> list[Dialect]:
    """The routes of whoever runs the service, and the installed dialects, built-in ones first."""
    plugins = [plugin for plugin in list_plugins((DIALECTS,)) if trusted or plugin.built_in]
    return [OPERATION, *(plugin.load() for plugin in plugins)]


class App:
    """The ASGI application."""

    def __init__(self, service: Service, dialects: Sequence[Dialect]) -> None:
        self._service = service
        self._known: dict[str, list[Known]] = {}
        for dialect in dialects:
            for route in dialect.routes:
                known = self._known.setdefault(route.path, [])
                known.append(Known(route, dialect))
        for known in self._known.values():  # those that choose their bodies come first
            known.sort(key=lambda each: each.route.accepts is any_body)

    @property
    def routes(self) -> list[Route]:
        """Every route."""
        return [each.route for known in self._known.values() for each in known]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        exchange = Exchange(secrets.token_hex(8), Headers(scope=scope), scope)
        traces = self._service.traces
        if traces is None:
            await self._exchange(exchange, receive, send)
            return
        with traces.follow() as trail:
            try:
                await self._exchange(exchange, receive, send)
            finally:
                traces.record(trail, self._end_of(exchange), exchange.headers)

    async def _exchange(self, exchange: "Exchange", receive: Receive, send: Send) -> None:
        """Answer, count and log."""
        begun = perf_counter()
        try:
            response = await self._answer(exchange, receive)
        except HungUp:
            self._note(exchange, begun)
            return
        response.headers["x-request-id"] = exchange.id
        exchange.status, exchange.size_out = response.status_code, len(response.body)
        name = self._name_of(exchange)
        self._service.measures.requests.labels(name, str(response.status_code)).inc()
        self._service.measures.seconds.labels(name).observe(perf_counter() - begun)
        with suppress(OSError):
            await response(exchange.scope, receive, send)
        self._note(exchange, begun)

    async def _answer(self, exchange: "Exchange", receive: Receive) -> Response:
        """The answer, whatever happens."""
        try:
            return await self._work(exchange, receive)
        except Refusal as refusal:
            return self._refuse(exchange, refusal)
        except (HungUp, asyncio.CancelledError):
            raise
        except Exception as exc:
            where = traceback.extract_tb(exc.__traceback__)[-1]  # the message may hold text
            log.error("%s: %s at %s:%s", exchange.id, type(exc).__name__, where.name, where.lineno)
            return self._refuse(exchange, Refusal(500, "The service failed"))

    async def _work(self, exchange: "Exchange", receive: Receive) -> Response:
        service, headers, method = self._service, exchange.headers, exchange.method
        config = service.config
        refuse_pages(method, headers, config.origins)
        if not service.register.needs_key:
            refuse_foreign_host(headers.get("host", ""), (config.host, *config.hosts))
        known = [each for each in self._of(exchange) if each.route.method == method]
        if not (known and known[0].route.is_public):
            admin = bool(known and known[0].route.is_admin)
            exchange.person = identify(headers, service.register, admin=admin)
        if not known:
            raise self._nothing_there(exchange)
        try:
            async with asyncio.timeout(config.head_seconds + LATER):
                content = await read_body(headers, receive, config.body_bytes)
        except TimeoutError as exc:
            raise Refusal(408, "The request did not become whole in time") from exc
        exchange.size = len(content)
        body = parse_body(content) if method == "POST" else {}
        chosen = next((each for each in known if each.route.accepts(body)), None)
        if chosen is None:
            raise Refusal(400, "Expected a body that this route takes")
        exchange.dialect = chosen.dialect
        return await unless_gone(chosen.route.answer(self._call(exchange, body)), receive)

    def _call(self, exchange: "Exchange", body: Body) -> Call:
        session = exchange.headers.get("x-session-id", "")[:LONGEST_SESSION]
        query = QueryParams(exchange.scope["query_string"])
        return Call(
            service=self._service,
            person=exchange.person,
            body=body,
            query=query,
            session=session,
            id=exchange.id,
        )

    def _of(self, exchange: "Exchange") -> list[Known]:
        return self._known.get(exchange.scope["path"], [])

    def _nothing_there(self, exchange: "Exchange") -> Refusal:
        if self._of(exchange):
            return Refusal(405, "Method not allowed")
        return Refusal(404, "Not found")

    def _refuse(self, exchange: "Exchange", refusal: Refusal) -> Response:
        """A refusal as the clients of this path read it."""
        known = self._of(exchange)
        dialect = exchange.dialect or (known[-1].dialect if known else None)
        tell = openai_error if dialect is None else dialect.tell_refusal
        response = json_reply(tell(refusal), refusal.status)
        if refusal.retry_after:
            response.headers["retry-after"] = str(refusal.retry_after)
        if refusal.status == 401:
            asks_browser = any(each.route.is_admin for each in known)
            scheme = 'Basic realm="lory"' if asks_browser else "Bearer"
            response.headers["www-authenticate"] = scheme
        if refusal.status == 405:
            methods = sorted({each.route.method for each in known})
            response.headers["allow"] = ", ".join(methods)
        if refusal.status in (408, 413, 415):
            response.headers["connection"] = "close"  # the body was not read
        return response

    def _name_of(self, exchange: "Exchange") -> str:
        """The route as measures, spans and the log name it."""
        path: str = exchange.scope["path"]
        return path if path in self._known else UNKNOWN

    def _end_of(self, exchange: "Exchange") -> Answer:
        return Answer(
            method=exchange.method if self._of(exchange) else UNKNOWN,
            route=self._name_of(exchange),
            dialect=exchange.dialect.name if exchange.dialect else "",
            status=exchange.status,
            bytes_in=exchange.size,
            bytes_out=exchange.size_out,
        )

    def _note(self, exchange: "Exchange", begun: float) -> None:
        log.info(
            "%s %s %s %d %.0f ms, %d bytes in, %d out",
            exchange.id,
            exchange.method,
            self._name_of(exchange),
            exchange.status,
            (perf_counter() - begun) * 1e3,
            exchange.size,
            exchange.size_out,
        )


@dataclass(slots=True)
class Exchange:
    """One request while it is answered."""

    id: str
    headers: Mapping[str, str]
    scope: Scope
    person: Person = NOBODY
    size: int = 0
    size_out: int = 0
    status: int = GONE
    """Of the answer; until there is one, that the client may be gone before."""
    dialect: Dialect | None = None

    @property
    def method(self) -> str:
        """Such as POST."""
        method: str = self.scope["method"]
        return method


async def unless_gone(work: Awaitable[Response], receive: Receive) -> Response:
    """What some work comes to; HungUp, and the work is stopped, once the client is gone."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(wait_gone(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        with suppress(asyncio.CancelledError, Refusal):
            await task
        raise HungUp
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()


async def wait_gone(receive: Receive) -> None:
    """Return once the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
