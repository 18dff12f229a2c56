"""Spans of requests, as OpenTelemetry's own exporter in memory sees them."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lsp_server.errors import ServeError
from lsp_server.http.app import App, load_dialects
from lsp_server.http.completion import Completion, ModelFacts, Text
from lsp_server.http.config import ServeConfig
from lsp_server.http.engine.fleet import WAITED, Fleet
from lsp_server.http.engine.link import EngineStart
from lsp_server.http.operation.traces import Traces, open_traces
from lsp_server.http.people.keys import add_key
from lsp_server.http.people.register import Register
from lsp_server.http.service import Service

SECRET = "sk_live_secret_of_the_file"
COMPLETION = Completion(
    texts=(Text("getcwd()"),), prompt_tokens=90, read_tokens=12, written_tokens=5, milliseconds=30.0
)
FACTS = ModelFacts(name="m", title="m 1", context=1024, parameters=1, size=1, digest="0")
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


class ReadyFleet(Fleet):
    """Answers at once, after a wait of 20 ms that it makes up; a prompt of `endless` never."""

    ready = 1
    facts = FACTS

    async def run(self, job: Any, owner: str, session: str, **_: Any) -> Mapping[str, Any]:
        if "endless" in json.dumps(job):
            await asyncio.sleep(3600)
        return {"completion": COMPLETION.as_json(), WAITED: 20.0}


class Traced:
    """A service whose spans are kept."""

    def __init__(self, folder: Path) -> None:
        self.key = add_key(folder / "keys.json", "ann")
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        fleet = ReadyFleet(EngineStart(settings={}, documents=1), 1, deadline=1, longest_wait=1)
        config = ServeConfig(state=folder)
        service = Service(config, Register(config.keys), fleet, Traces(provider))
        self.app = App(service, load_dialects())

    async def ask(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None, hang_up: bool = False
    ) -> None:
        """One request."""
        given = {"authorization": f"Bearer {self.key}", **(headers or {})}
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        messages = [{"type": "http.request", "body": json.dumps(body).encode()}]
        sent: list[Any] = []

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await asyncio.sleep(0.01 if hang_up else 3600)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """By name."""
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    return Traced(tmp_path)


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.mark.asyncio
async def test_a_request_is_a_span_with_its_waiting_and_its_engine_below(traced: Traced) -> None:
    body = {"prompt": SECRET, "suffix": "b"}
    await traced.ask("/v1/completions", body)
    spans = traced.spans
    found = attributes(spans["POST /v1/completions"])
    assert found["lory.dialect"] == "openai"
    assert found["lory.outcome"] == "answered"
    assert found["http.response.status_code"] == 200
    assert found["http.request.body.size"] == len(json.dumps(body))
    assert found["http.response.body.size"] > 0
    tokens = ("prompt", "read", "written")
    assert [found[f"lory.tokens.{kind}"] for kind in tokens] == [90, 12, 5]
    assert (found["lory.shown"], found["lory.joined"]) == (True, False)
    whole, queue, engine = (spans[name] for name in ("POST /v1/completions", "queue", "engine"))
    assert queue.parent is not None
    assert whole.context is not None
    assert queue.parent.span_id == whole.context.span_id
    assert queue.end_time == engine.start_time
    assert (queue.end_time or 0) - (queue.start_time or 0) == 20_000_000


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "body", "headers", "outcome"),
    [
        ("/v1/completions", {"prompt": 1}, {}, "refused"),
        ("/v1/completions", {}, {"authorization": "Bearer wrong"}, "refused"),
        (f"/{SECRET}", {}, {}, "refused"),
        ("/infill", {"input_prefix": SECRET, "input_suffix": ""}, {}, "answered"),
    ],
)
async def test_no_text_and_no_key_is_in_a_span(
    traced: Traced, path: str, body: Any, headers: dict[str, str], outcome: str
) -> None:
    hidden = {"tracestate": f"a={SECRET}", "baggage": f"a={SECRET}", "user-agent": SECRET}
    await traced.ask(path, body, {**hidden, **headers})
    spans = traced.exporter.get_finished_spans()
    assert attributes(spans[-1])["lory.outcome"] == outcome
    told = "".join(span.to_json() for span in spans)
    for secret in (SECRET, traced.key, "ann", "getcwd"):
        assert secret not in told


@pytest.mark.asyncio
async def test_one_who_hangs_up_is_a_span_too(traced: Traced) -> None:
    await traced.ask("/v1/completions", {"prompt": "endless"}, hang_up=True)
    assert attributes(traced.spans["POST /v1/completions"])["lory.outcome"] == "hung up"
    assert set(traced.spans) == {"POST /v1/completions"}


@pytest.mark.asyncio
async def test_one_of_two_alike_has_joined_the_other(traced: Traced) -> None:
    body = {"prompt": "a"}
    await asyncio.gather(*(traced.ask("/v1/completions", body) for _ in range(2)))
    spans = traced.exporter.get_finished_spans()
    joined = [attributes(span).get("lory.joined") for span in spans if "POST" in span.name]
    assert sorted(map(bool, joined)) == [False, True]
    assert len([span for span in spans if span.name == "engine"]) == 1


@pytest.mark.asyncio
async def test_the_clients_own_trace_goes_on(traced: Traced) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    await traced.ask("/v1/completions", {"prompt": "a"}, {"traceparent": f"00-{trace}-{span}-01"})
    found = traced.spans["POST /v1/completions"]
    assert found.parent is not None
    assert (f"{found.parent.trace_id:032x}", f"{found.parent.span_id:016x}") == (trace, span)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {**COLLECTOR, "OTEL_SDK_DISABLED": "true"},
        {**COLLECTOR, "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_SERVICE_NAME": "lory"},
    ],
)
def test_nothing_is_traced_where_the_environment_does_not_say_so(
    environment: dict[str, str],
) -> None:
    assert open_traces(environment) is None


def test_a_protocol_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ServeError, match="expected http/protobuf, found grpc"):
        open_traces({**COLLECTOR, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
