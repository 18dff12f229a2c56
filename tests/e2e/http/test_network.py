"""What reaches the service and what does not: addresses, hosts, pages, headers, slow peers."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.http_service import RunningService, StartService, run_serve, script_arguments
from tests.scripted import Rules, Script

pytestmark = pytest.mark.alone

HEAD_SECONDS = 2.0
MEGABYTE = 1_000_000
RULES: Rules = [{"after": "", "completion": "x = 1"}]
WriteScript = Callable[[Rules], Script]


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, script_bundle: Path
) -> Iterator[RunningService]:
    script = Script(tmp_path_factory.mktemp("script"), script_bundle, RULES)
    limits = ("--engines", "1", "--head-seconds", str(HEAD_SECONDS), "--allow-host", "lory.test")
    with ExitStack() as stack:
        state = tmp_path_factory.mktemp("state")
        origin = ("--allow-origin", "https://ide.example.org")
        found = RunningService(state, *script_arguments(script, *limits, *origin))
        stack.callback(found.end)
        yield found.wait_ready()


def connect(service: RunningService) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=30)


def pour(peer: socket.socket, part: bytes, pause: float, seconds: float) -> int:
    """Send until the service has had enough; the bytes that were taken until then."""
    sent, deadline = 0, monotonic() + seconds
    try:
        while monotonic() < deadline:
            peer.sendall(part)
            sent += len(part)
            sleep(pause)
    except OSError:
        return sent
    raise AssertionError("it takes everything")


def is_open(peer: socket.socket) -> bool:
    peer.setblocking(False)
    try:
        return bool(peer.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_only_this_machine_is_listened_to_when_nothing_is_said(service: RunningService) -> None:
    address = service.lines[0].partition("http://")[2]
    assert address.startswith("127.0.0.1:")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; tells this machine's own address
        outer = probe.getsockname()[0]
    if not outer.startswith("127."):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((outer, service.port), timeout=5).close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "lory.example.org"])
def test_no_service_starts_on_another_address_without_keys(tmp_path: Path, host: str) -> None:
    done = run_serve("--host", host, "--port", "0", "--state", str(tmp_path))
    assert done.returncode == 2
    assert "keys add" in done.stderr
    assert done.stderr.count("\n") == 1


def test_keys_that_are_all_revoked_open_no_address(tmp_path: Path) -> None:
    run_serve("keys", "add", "ann", "--state", str(tmp_path))
    run_serve("keys", "revoke", "ann", "--state", str(tmp_path))
    assert run_serve("--host", "0.0.0.0", "--port", "0", "--state", str(tmp_path)).returncode == 2


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8012", 200),
        ("LOCALHOST.", 200),
        ("my.localhost", 200),
        ("127.0.0.1:1", 200),
        ("127.8.9.1", 200),
        ("[::1]:8012", 200),
        ("0.0.0.0:11434", 200),
        ("lory.test", 200),
        ("evil.com", 403),
        ("evil.com:8012", 403),
        ("evil.com.", 403),
        ("localhost.evil.com", 403),
        ("evil.com:localhost", 403),
        ("127.0.0.1.evil.com", 403),
        ("[::2]", 403),
        ("[::1]evil.com", 403),
        ("", 403),
    ],
)
def test_a_request_for_another_host_is_refused_where_there_are_no_keys(
    service: RunningService, host: str, status: int
) -> None:
    body = {"prompt": "a"}
    assert service.post("/v1/completions", body, {"Host": host}).status == status


def test_a_request_without_a_host_is_refused(service: RunningService) -> None:
    with connect(service) as peer:
        peer.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n")
        assert peer.recv(100).startswith(b"HTTP/1.1 400")
    with connect(service) as peer:
        peer.sendall(b"GET /v1/models HTTP/1.0\r\n\r\n")
        assert peer.recv(100).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
@pytest.mark.parametrize("origin", ["https://evil.com", "null", "http://localhost:3000"])
def test_a_web_page_is_refused_whatever_it_does(
    service: RunningService, method: str, origin: str
) -> None:
    for path in ("/v1/completions", "/health", "/api/delete", "/"):
        reply = service.ask(method, path, b"{}", {"Origin": origin})
        assert reply.status == 403
        assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_page_that_needs_no_permission_to_post_is_refused_too(service: RunningService) -> None:
    plain = {"Content-Type": "text/plain", "Sec-Fetch-Site": "cross-site"}
    assert service.post("/v1/completions", {"prompt": "a"}, plain).status == 403
    same = {"Content-Type": "text/plain", "Sec-Fetch-Site": "same-origin"}
    assert service.post("/v1/completions", {"prompt": "a"}, same).status == 415


@pytest.mark.parametrize("origin", ["vscode-webview://1abc", "https://ide.example.org"])
def test_an_editors_page_and_those_that_are_allowed_may_ask(
    service: RunningService, origin: str
) -> None:
    headers = {"Origin": origin, "Content-Type": "application/json; charset=utf-8"}
    assert service.post("/v1/completions", {"prompt": "a"}, headers).status == 200
    headers["Content-Type"] = "text/plain"
    assert service.post("/v1/completions", {"prompt": "a"}, headers).status == 415


def test_a_huge_header_is_cut_off_and_takes_no_memory(service: RunningService) -> None:
    before = service.megabytes
    with connect(service) as peer:
        peer.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        assert pour(peer, b"a" * 65536, pause=0.001, seconds=30) < 5 * MEGABYTE
    assert service.megabytes - before < 5
    assert service.get("/health").status == 200


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nX-",
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\n{",
        b"",
    ],
    ids=["head", "body", "nothing"],
)
def test_200_half_open_connections_are_closed_and_others_served_meanwhile(
    service: RunningService, begun: bytes
) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(connect(service)) for _ in range(200)]
        for peer in peers:
            peer.sendall(begun)
        since = monotonic()
        assert service.post("/v1/completions", {"prompt": "a"}).status == 200
        assert monotonic() - since < HEAD_SECONDS / 2
        while (left := sum(map(is_open, peers))) and monotonic() < since + 3 * HEAD_SECONDS:
            sleep(0.1)
        assert left == 0


def test_a_body_that_trickles_is_not_waited_for_again_and_again(service: RunningService) -> None:
    with connect(service) as peer:
        peer.sendall(b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n")
        since = monotonic()
        pour(peer, b" ", pause=0.1, seconds=5 * HEAD_SECONDS)
        assert monotonic() - since < 2 * HEAD_SECONDS


def test_a_connection_is_kept_for_the_next_request_and_closed_when_idle(
    start_service: StartService, write_script: WriteScript
) -> None:
    arguments = script_arguments(write_script(RULES), "--engines", "1", "--idle-seconds", "1")
    service = start_service(*arguments)
    kept = HTTPConnection("127.0.0.1", service.port, timeout=30)
    with closing(kept):
        for _ in range(3):
            kept.request("GET", "/health")
            peer = kept.sock
            assert kept.getresponse().read() == b'{"status":"ok"}'
            sleep(0.2)
        since = monotonic()
        assert kept.sock is peer
        assert peer.recv(1) == b""
        assert 0.3 < monotonic() - since < 5


def test_connections_beyond_the_cap_of_one_address_are_told_so(service: RunningService) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(connect(service)) for _ in range(256)]
        with connect(service) as late:
            assert late.recv(100).startswith(b"HTTP/1.1 503")
        for peer in peers:
            peer.close()
    sleep(0.2)
    assert service.get("/health").status == 200


@pytest.mark.parametrize("path", ["/v1/completions", "/infill", "/api/generate"])
def test_a_body_beyond_the_cap_is_refused_by_length_and_in_chunks(
    service: RunningService, path: str
) -> None:
    before = service.megabytes
    with connect(service) as peer:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {2 * MEGABYTE}\r\n\r\n"
        peer.sendall(head.encode() + b" " * 1000)
        assert peer.recv(100).startswith(b"HTTP/1.1 413")
    with connect(service) as peer:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        peer.sendall(head.encode())
        for _ in range(17):
            peer.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        assert peer.recv(100).startswith(b"HTTP/1.1 413")
    assert service.megabytes - before < 10


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_a_compressed_body_is_refused(service: RunningService, coding: str) -> None:
    reply = service.post("/infill", b"\x1f\x8b", {"Content-Encoding": coding})
    assert reply.status == 415
