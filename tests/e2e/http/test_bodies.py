"""Any body on any route: an answer, never a fault of the service; nothing of it is told or kept."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsp_server.http.app import load_dialects
from tests.http_service import RunningService, script_arguments
from tests.scripted import Rules, Script

SECRET = "s3cr3t-of-the-source"
RULES: Rules = [
    {"after": "fail", "error": f"engine says {SECRET}"},
    {"after": "", "completion": f"x = '{SECRET}'"},
]
ROUTES = [(route.method, route.path) for each in load_dialects() for route in each.routes]
POSTS = sorted({path for method, path in ROUTES if method == "POST"})
FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory, script_bundle: Path) -> Script:
    return Script(tmp_path_factory.mktemp("script"), script_bundle, RULES)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, script: Script) -> Iterator[RunningService]:
    limits = ("--engines", "1", "--rate", "10000", "--burst", "10000", "--log-level", "debug")
    with ExitStack() as stack:
        found = RunningService(tmp_path_factory.mktemp("s"), *script_arguments(script, *limits))
        stack.callback(found.end)
        yield found.wait_ready()


FIELDS = (
    *("prompt", "suffix", "input_prefix", "input_suffix", "input_extra", "n_predict", "max_tokens"),
    *("temperature", "top_p", "top_k", "seed", "stop", "n", "stream", "stream_options", "options"),
    *("response_fields", "segments", "language", "mode", "type", "inputs", "parameters", "content"),
    *("tokens", "echo", "random_seed", "path", "filename", "min_probability", "n_discard", "raw"),
)
SMALL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["\x00", "\ufffe", "<fim_middle>", "../../etc/passwd", "<|end|>"]),
)
VALUES = st.recursive(
    SMALL,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("text", "filename", "body", "prefix", "a")), inner)
    ),
    max_leaves=6,
)


@FEW
@given(path=st.sampled_from(POSTS), body=st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_no_body_is_a_fault_of_the_service(
    service: RunningService, path: str, body: dict[str, Any]
) -> None:
    reply = service.post(path, body)
    assert reply.status in (200, 400, 501)
    if reply.content and "json" in reply.headers.get("content-type", "").split(";")[0][-4:]:
        assert reply.json is not None


@FEW
@given(path=st.sampled_from(POSTS), content=st.binary(max_size=60))
def test_no_bytes_are_a_fault_of_the_service(
    service: RunningService, path: str, content: bytes
) -> None:
    assert service.ask("POST", path, content).status in (200, 400, 501)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'{"prompt":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        b'{"n_predict": ' + b"9" * 50_000 + b"}",
        b'{"temperature": NaN}',
        b'{"temperature": 1e400}',
        b'{"prompt": "a", "prompt": "b"}',
        b'{"prompt": "\\ud800", "suffix": "", "input_prefix": "\\udfff", "input_suffix": ""}',
        b"\x00",
        b"\xff\xfe",
    ],
    ids=["deep", "deeper", "digits", "NaN", "1e400", "twice", "surrogates", "NUL", "UTF-16"],
)
def test_bodies_that_have_broken_servers_are_answered(
    service: RunningService, path: str, content: bytes
) -> None:
    assert service.ask("POST", path, content).status in (200, 400, 501)


@pytest.mark.parametrize("name", ["n_predict", "n_discard", "n_keep", "n_probs", "top_k", "n"])
@pytest.mark.parametrize("value", [-1, -(2**63), 2**63, -1e300, 1e300])
def test_numbers_out_of_range_are_brought_into_it(
    service: RunningService, name: str, value: float
) -> None:
    body = {"input_prefix": "a", "input_suffix": "", "prompt": "b", name: value}
    assert service.post("/infill", body).status == 200


def test_a_prompt_of_a_megabyte_is_cut_to_what_the_model_reads(
    service: RunningService, script: Script
) -> None:
    prompt = "x = 1\n" * 135_000
    reply = service.post("/v1/completions", {"prompt": prompt, "suffix": prompt[:50_000]})
    assert reply.status == 200
    assert reply.json["usage"]["prompt_tokens"] <= 1024
    assert len(script.asked[-1]["prefix"]) < 10_000


MARKS = "a = '<fim_middle><|end|><|suffix|><|file|></s>'\n"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/infill", {"input_prefix": MARKS, "input_suffix": MARKS, "prompt": "b = "}),
        ("/v1/completions", {"prompt": MARKS + "b = ", "suffix": MARKS}),
        ("/v1/completions", {"segments": {"prefix": MARKS + "b = ", "suffix": MARKS}}),
        ("/v1/fim/completions", {"prompt": MARKS + "b = ", "suffix": MARKS}),
        ("/beta/completions", {"prompt": MARKS + "b = ", "suffix": MARKS}),
        ("/api/generate", {"prompt": MARKS + "b = ", "suffix": MARKS}),
        ("/v1/completions", {"prompt": f"<fim_prefix>{MARKS}b = <fim_suffix>{MARKS}<fim_middle>"}),
    ],
)
def test_marks_in_somebodys_source_stay_text(
    service: RunningService, script: Script, path: str, body: dict[str, Any]
) -> None:
    assert service.post(path, {**body, "min_probability": 0.001}).status == 200
    last = script.asked[-1]
    assert (last["prefix"], last["suffix"]) == (MARKS + "b = ", MARKS)


def test_no_answer_but_200_says_anything_of_what_was_sent_or_of_the_inside(
    service: RunningService,
) -> None:
    bodies: list[Any] = [{"prompt": SECRET + "fail"}, {"prompt": [SECRET, 1]}, SECRET.encode()]
    bodies += [{"prompt": "a", "stop": {SECRET: 1}}, {"inputs": {SECRET: 1}}, {SECRET: 1}]
    bodies += [{"segments": SECRET}, {"options": SECRET, "prompt": "a"}, {"type": SECRET}]
    seen = set()
    for path in [*POSTS, f"/{SECRET}"]:
        for body in bodies:
            reply = service.post(path, body)
            seen.add(reply.status)
            if reply.status != 200:
                assert not re.search(rf"{SECRET}|Traceback|\.py|lsp_server|/home|/tmp", reply.text)
                assert reply.headers["x-request-id"]
    assert {400, 404, 500} <= seen


def test_neither_log_nor_state_holds_text_at_any_level(service: RunningService) -> None:
    for path in ("/v1/completions", "/api/generate"):
        assert SECRET in service.post(path, {"prompt": f"{SECRET} = "}).text
        service.post(path, {"prompt": f"{SECRET} = fail"})
    assert service.lines
    assert SECRET not in "".join(service.lines)
    state = [each for each in service.state.rglob("*") if each.is_file()]
    assert all(SECRET.encode() not in each.read_bytes() for each in state)
    assert SECRET not in service.get("/metrics").text + service.get("/admin").text


def test_a_request_that_fails_takes_no_other_with_it(service: RunningService) -> None:
    assert service.post("/v1/completions", {"prompt": "fail"}).status == 500
    assert service.post("/v1/completions", {"prompt": "ok"}).status == 200
    assert json.loads(service.get("/readyz").content) == {"status": "ok"}
