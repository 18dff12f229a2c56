"""A running service and a real collector: what is sent there, and that nothing waits for it."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.http_service import StartService, script_arguments
from tests.scripted import Rules, Script

WriteScript = Callable[[Rules], Script]
RULES: Rules = [{"after": "", "completion": "getcwd()"}]
SECRET = "sk_live_secret_of_the_file"


class Collector(ThreadingHTTPServer):
    """Keeps what it is sent by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), CollectorRequest)
        self.received: list[tuple[str, bytes]] = []

    @property
    def spans(self) -> dict[str, dict[str, str]]:
        """Attributes as texts, by the span's name."""
        found: dict[str, dict[str, str]] = {}
        for _, content in self.received:
            for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
                service = {a.key: a.value.string_value for a in resource.resource.attributes}
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    own = {a.key: str(a.value).strip() for a in span.attributes}
                    found[span.name] = {**own, "service": service["service.name"]}
        return found


class CollectorRequest(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((self.path, content))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def test_a_collector_is_sent_sizes_and_times_and_no_text(
    collector: Collector, start_service: StartService, write_script: WriteScript
) -> None:
    service = start_service(
        *script_arguments(write_script(RULES), "--engines", "1"),
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
        OTEL_BSP_SCHEDULE_DELAY="50",
    )
    assert service.post("/v1/completions", {"prompt": SECRET}).status == 200
    deadline = monotonic() + 30
    while "POST /v1/completions" not in collector.spans and monotonic() < deadline:
        sleep(0.05)
    found = collector.spans
    assert found["POST /v1/completions"]["service"] == "lory"
    assert found["POST /v1/completions"]["lory.outcome"] == 'string_value: "answered"'
    assert set(found) >= {"queue", "engine"}
    assert {path for path, _ in collector.received} == {"/v1/traces"}
    assert not any(SECRET.encode() in content for _, content in collector.received)
    assert not any(b"getcwd" in content for _, content in collector.received)


def test_what_is_noted_last_is_sent_before_the_service_ends(
    collector: Collector, start_service: StartService, write_script: WriteScript
) -> None:
    service = start_service(
        *script_arguments(write_script(RULES), "--engines", "1"),
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://127.0.0.1:{collector.server_port}/own",
        OTEL_BSP_SCHEDULE_DELAY="60000",
        OTEL_SERVICE_NAME="ours",
    )
    assert service.post("/infill", {"input_prefix": "a", "input_suffix": ""}).status == 200
    assert service.end() == 0
    assert collector.spans["POST /infill"]["service"] == "ours"
    assert {path for path, _ in collector.received} == {"/own"}


@pytest.mark.parametrize("is_deaf", [False, True], ids=["gone", "deaf"])
def test_a_collector_that_does_not_answer_costs_nobody_an_answer(
    start_service: StartService, write_script: WriteScript, is_deaf: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1] if is_deaf else 9
        service = start_service(
            *script_arguments(write_script(RULES), "--engines", "1"),
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_BSP_SCHEDULE_DELAY="50",
        )
        for number in range(5):
            since = monotonic()
            assert service.post("/v1/completions", {"prompt": f"{number}"}).status == 200
            assert monotonic() - since < 5
        since = monotonic()
        assert service.end() == 0
        assert monotonic() - since < 10
