"""OpenTelemetry's spans: what each request took and came to, in sizes and times.

There is never a text, a key or a name in them. Off unless the environment names a collector, by
the variables that every program with OpenTelemetry reads; needs the extra `otel` then.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Thread
from time import time_ns
from typing import TYPE_CHECKING, Any

from lsp_server import __version__
from lsp_server.errors import ServeError
from lsp_server.http.completion import Completion

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
EXPORTER, DISABLED = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
SERVICE = "service.name"
PARENT = "traceparent"
"""The one header that is read: its neighbours may hold anything."""
OUTCOMES = {200: "answered", 429: "too much", 499: "hung up", 503: "overload"}
"""Other statuses: failed from 500 on, refused below."""
FAREWELL_SECONDS = 2.0
MILLISECOND = 1_000_000
"""In nanoseconds."""


@dataclass(slots=True)
class Trail:
    """What is noted of a request on its way."""

    begun: int
    """In nanoseconds since 1970, as all times here."""
    asked: int = 0
    """When an engine was asked for; 0 where none was."""
    answered: int = 0
    found: Completion | None = None
    joined: bool = False
    """Whether it waited for one like it, which an engine was asked for already."""

    def note(self, found: Completion) -> None:
        """An engine has answered."""
        self.answered, self.found = time_ns(), found


_TRAIL: ContextVar[Trail | None] = ContextVar("trail", default=None)


def current_trail() -> Trail | None:
    """That of the request that is being answered; None where nothing is traced."""
    return _TRAIL.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request came to, once it has."""

    method: str
    route: str
    """One of the service's, or `other`."""
    dialect: str
    status: int
    bytes_in: int
    bytes_out: int


class Traces:
    """Makes a span of each request, and of its waiting and its engine below it."""

    def __init__(self, provider: "TracerProvider") -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("lory", __version__)

    @contextmanager
    def follow(self) -> Iterator[Trail]:
        """Note what becomes of the request that is answered within."""
        trail = Trail(time_ns())
        token = _TRAIL.set(trail)
        try:
            yield trail
        finally:
            _TRAIL.reset(token)

    def record(self, trail: Trail, answer: Answer, headers: Mapping[str, str]) -> None:
        """Hand the spans of an answered request over; they are sent in the background."""
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract({PARENT: headers.get(PARENT, "")})
        span = self._tracer.start_span(
            f"{answer.method} {answer.route}",
            context=parent,
            kind=trace.SpanKind.SERVER,
            attributes={**attributes_of(answer), **attributes_of_completion(trail)},
            start_time=trail.begun,
        )
        if answer.status >= 500:
            span.set_status(trace.Status(trace.StatusCode.ERROR))
        below = trace.set_span_in_context(span)
        for name, begun, ended in parts_of(trail):
            self._tracer.start_span(name, context=below, start_time=begun).end(ended)
        span.end(time_ns())

    def close(self) -> None:
        """Send what is still to be sent, unless the collector takes its time."""
        closing = Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FAREWELL_SECONDS)


def attributes_of(answer: Answer) -> dict[str, Any]:
    """Names as OpenTelemetry's conventions for HTTP have them."""
    return {
        "http.request.method": answer.method,
        "http.route": answer.route,
        "http.response.status_code": answer.status,
        "http.request.body.size": answer.bytes_in,
        "http.response.body.size": answer.bytes_out,
        "lory.dialect": answer.dialect,
        "lory.outcome": OUTCOMES.get(
            answer.status, "failed" if answer.status >= 500 else "refused"
        ),
    }


def attributes_of_completion(trail: Trail) -> dict[str, Any]:
    """Tokens, and where they came from; nothing where no engine answered."""
    found = trail.found
    if found is None:
        return {}
    return {
        "lory.tokens.prompt": found.prompt_tokens,
        "lory.tokens.read": found.read_tokens,
        "lory.tokens.written": found.written_tokens,
        "lory.shown": bool(found.best.text),
        "lory.from_memory": found.from_memory,
        "lory.joined": trail.joined,
    }


def parts_of(trail: Trail) -> list[tuple[str, int, int]]:
    """Name, begin and end of what an answer consists of; one that joined another has no parts."""
    if trail.found is None or trail.joined:
        return []
    turn = trail.asked + round(trail.found.waited * MILLISECOND)
    return [("queue", trail.asked, turn), ("engine", turn, max(turn, trail.answered))]


def open_traces(environment: Mapping[str, str] = os.environ) -> Traces | None:
    """As the environment wants them; None where it does not. ServeError where they cannot be."""
    if not any(environment.get(name) for name in ENDPOINTS):
        return None
    if environment.get(DISABLED, "").lower() == "true" or environment.get(EXPORTER) == "none":
        return None
    protocol = next(filter(None, (environment.get(name) for name in PROTOCOLS)), PROTOCOL)
    if protocol != PROTOCOL:
        raise ServeError(f"{PROTOCOLS[1]}: expected {PROTOCOL}, found {protocol}; change it")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as exc:
        raise ServeError(
            f"{ENDPOINTS[1]}: expected the extra otel, found no {exc.name}; "
            "run: pip install 'lory-lsp[otel]'"
        ) from exc
    resource = Resource.create({"service.version": __version__})
    if str(resource.attributes[SERVICE]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE: "lory"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Traces(provider)
