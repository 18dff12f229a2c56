"""Who gets in: nothing is answered without a key but whether the service is up."""

import base64
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from time import monotonic, sleep

import pytest

from lsp_server.http.app import load_dialects
from lsp_server.http.people.keys import add_key, revoke_keys
from tests.http_service import Reply, RunningService, run_serve, script_arguments
from tests.scripted import Rules, Script

RULES: Rules = [{"after": "", "completion": "x = 1"}]
PUBLIC = {"/health", "/livez", "/readyz"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW")


class Guarded:
    """A service with keys, and two of them."""

    def __init__(self, folder: Path, script: Script, stack: ExitStack) -> None:
        self.keys = folder / "state" / "keys.json"
        self.ann, self.root = add_key(self.keys, "ann"), add_key(self.keys, "root", admin=True)
        arguments = script_arguments(script, "--engines", "1", "--log-level", "info")
        self.service = RunningService(folder / "state", "--host", "0.0.0.0", *arguments)
        stack.callback(self.service.end)
        self.service.wait_ready()

    def get(self, path: str, secret: str) -> Reply:
        return self.service.get(path, {"Authorization": f"Bearer {secret}"})


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, script_bundle: Path) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    with ExitStack() as stack:
        yield Guarded(folder, Script(folder, script_bundle, RULES), stack)


def test_every_route_and_any_other_path_wants_a_key_whatever_the_method(guarded: Guarded) -> None:
    routes = {route.path for dialect in load_dialects() for route in dialect.routes}
    assert routes > PUBLIC
    draw = Random(3)
    letters = "abcdefghijklmnopqrstuvwxyz/._-%"
    random = {"/" + "".join(draw.choices(letters, k=12)) for _ in range(20)}
    near = {path + end for path in PUBLIC for end in ("/", "x", "/..", "%2f", ";a", "//")}
    near |= {"//health", "/x/../health", "/HEALTH", "/metrics", "/admin", "/docs", "/openapi.json"}
    for path in sorted((routes | random | near) - PUBLIC):
        for method in METHODS:
            assert guarded.service.ask(method, path, b"{}").status == 401, (method, path)


@pytest.mark.parametrize("path", sorted(PUBLIC))
def test_whether_it_is_up_may_be_asked_without_a_key_and_nothing_else_of_it(
    guarded: Guarded, path: str
) -> None:
    assert guarded.service.get(path).json == {"status": "ok"}
    for method in METHODS[1:]:
        assert guarded.service.ask(method, path, b"{}").status == 401


@pytest.mark.parametrize(
    "carrier", ["Authorization: Bearer {}", "authorization: bearer {}", "x-api-key: {}"]
)
def test_a_key_is_taken_from_either_header(guarded: Guarded, carrier: str) -> None:
    name, _, value = carrier.format(guarded.ann).partition(": ")
    reply = guarded.service.post("/v1/completions", {"prompt": "a"}, {name: value})
    assert reply.json["choices"][0]["text"] == "x = 1"


def test_what_resembles_a_key_is_refused(guarded: Guarded) -> None:
    key = guarded.ann
    for secret in ("", key[:-1], key + "x", key.upper(), "null", "lory-", "x" * 10_000):
        assert guarded.get("/v1/models", secret).status == 401
    basic = base64.b64encode(f"ann:{key}".encode()).decode()
    assert guarded.service.get("/v1/models", {"Authorization": f"Basic {basic}"}).status == 401
    for query in (f"?api_key={key}", f"?key={key}", f"?token={key}"):
        assert guarded.service.get("/v1/models" + query).status == 401


def test_everybodys_figures_are_for_administrators(guarded: Guarded) -> None:
    for path in ("/metrics", "/admin"):
        assert guarded.get(path, guarded.ann).status == 403
        assert guarded.get(path, guarded.root).status == 200
    asked = guarded.service.get("/admin")
    assert asked.headers["www-authenticate"].startswith("Basic")
    basic = base64.b64encode(f"any:{guarded.root}".encode()).decode()
    page = guarded.service.get("/admin", {"Authorization": f"Basic {basic}"})
    assert page.status == 200
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_key_is_added_and_revoked_while_the_service_runs(guarded: Guarded) -> None:
    secret = add_key(guarded.keys, "eve")
    guarded.service.process.send_signal(signal.SIGHUP)
    sleep(0.3)
    assert guarded.get("/v1/models", secret).status == 200
    revoke_keys(guarded.keys, "eve")
    deadline = monotonic() + 5
    while guarded.get("/v1/models", secret).status != 401:
        assert monotonic() < deadline
        sleep(0.1)


def test_a_damaged_file_of_keys_opens_nothing_and_shuts_nobody_out(guarded: Guarded) -> None:
    content = guarded.keys.read_bytes()
    guarded.keys.write_text("{")
    guarded.service.process.send_signal(signal.SIGHUP)
    sleep(0.3)
    assert guarded.get("/v1/models", guarded.ann).status == 200
    assert guarded.get("/v1/models", "").status == 401
    guarded.keys.write_bytes(content)


def test_no_key_is_in_the_log_or_the_list_of_keys(guarded: Guarded) -> None:
    guarded.get("/v1/models", guarded.ann)
    guarded.get("/v1/models", guarded.ann[:-3] + "abc")
    listed = run_serve("keys", "list", "--state", str(guarded.keys.parent)).stdout
    assert "ann" in listed
    sleep(0.2)
    for text in ("".join(guarded.service.lines), listed):
        assert guarded.ann[-20:-3] not in text


def test_a_key_is_printed_once_by_the_command_and_works(tmp_path: Path) -> None:
    done = run_serve("keys", "add", "ann", "--state", str(tmp_path))
    secret = done.stdout.strip()
    assert secret.startswith("lory-")
    assert secret not in (tmp_path / "keys.json").read_text()
    assert "revoked" in run_serve("keys", "revoke", "ann", "--state", str(tmp_path)).stdout
    assert run_serve("keys", "list", "--state", str(tmp_path)).stdout == ""


def test_a_key_is_no_argument_of_any_command() -> None:
    help_texts = [run_serve("--help").stdout, run_serve("keys", "add", "--help").stdout]
    assert all("--key" not in text and "--token" not in text for text in help_texts)
