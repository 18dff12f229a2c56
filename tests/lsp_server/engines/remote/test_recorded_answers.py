"""Ollama's and vLLM's answers as they come over the wire: streams, probabilities, errors.

Their shapes are those of Ollama's `server/routes.go` (commit 00188139, 2026) and
`docs/api/errors.mdx` (36bc90b8), and of vLLM's `entrypoints/openai/completion/serving.py`
(030ea52e, 2026) and `entrypoints/openai/engine/protocol.py` (040a2cc2). Both send chunks over HTTP
1.1, whose ends are not those of lines.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.engines import Candidate, Engine, StopReason
from tests.lsp_server.engines.remote.test_engine import ask, engine_of, title_of
from tests.small_service import Answer, Handler, small_service

CHUNK = 37
"""Bytes of a chunk, so that none ends where a line does."""
NDJSON, EVENTS = "application/x-ndjson", "text/event-stream; charset=utf-8"
TIME = "2026-10-26T17:21:21.196249Z"
MODEL = "qwen2.5-coder:1.5b"


def chunked(kind: str, text: str) -> Answer:
    """A streamed answer."""

    def answer(handler: Handler) -> None:
        handler.begin(200, **{"Content-Type": kind, "Transfer-Encoding": "chunked"})
        data = text.encode()
        for at in range(0, len(data), CHUNK):
            part = data[at : at + CHUNK]
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")
        handler.wfile.flush()

    return answer


def refused(status: int, body: Any) -> Answer:
    """An answer that is none, with why."""

    def answer(handler: Handler) -> None:
        handler.begin(status, **{"Content-Type": "application/json"})
        handler.send(json.dumps(body))

    return answer


def ollama_line(response: str, logprobs: Sequence[Any] | None = None, **more: Any) -> str:
    """One line of `/api/generate`; what is empty is left out, as Go's `omitempty` does."""
    line = {"model": MODEL, "created_at": TIME, "response": response, "done": False, **more}
    return json.dumps(line | ({"logprobs": logprobs} if logprobs else {})) + "\n"


def ollama_token(text: str, logprob: float, **tops: float) -> Mapping[str, Any]:
    """A token as Ollama (0.12.11 and later) lists it, the likeliest beside it."""
    listed = [{"token": each, "logprob": value} for each, value in tops.items()]
    first = {"token": text, "logprob": logprob, "bytes": list(text.encode())}
    return {**first, "top_logprobs": [first, *listed]}


OLLAMA_END: dict[str, Any] = {
    "done": True,
    "done_reason": "stop",
    "context": [1, 2],
    "total_duration": 4883583458,
    "load_duration": 1334875,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 342546000,
    "eval_count": 3,
    "eval_duration": 4535599000,
}


def vllm_event(text: str, tokens: Sequence[tuple[str, float]], finish: str | None = None) -> str:
    """One event of `/v1/completions`."""
    logprobs = {
        "text_offset": [0] * len(tokens),
        "token_logprobs": [logprob for _, logprob in tokens],
        "tokens": [token for token, _ in tokens],
        "top_logprobs": [{token: logprob, " cls": -9999.0} for token, logprob in tokens],
    }
    choice = {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": finish}
    return vllm_data(choices=[{**choice, "stop_reason": None}])


def vllm_data(**fields: Any) -> str:
    """An event with these fields beside those that each has."""
    head = {"id": "cmpl-7f2", "object": "text_completion", "created": 1775000000, "model": MODEL}
    return f"data: {json.dumps({**head, **fields})}\n\n"


VLLM_USAGE = {"prompt_tokens": 9, "total_tokens": 12, "completion_tokens": 3}
DONE = "data: [DONE]\n\n"


@contextmanager
def asked(api: str, answer: Answer, bundle: Bundle) -> Iterator[tuple[Engine, Candidate]]:
    """The engine that has asked a service, and what it has."""
    with small_service(answer) as service:
        engine = engine_of(bundle, service, api=api, model=MODEL, prompt="plain")
        (found,) = ask(engine, bundle)
        yield engine, found


def test_ollamas_lines_give_tokens_with_their_probabilities(default_bundle: Bundle) -> None:
    """Several tokens come in one line where text was held back until a character was whole."""
    text = (
        ollama_line("get", [ollama_token("get", -0.25, path=-1.5)])
        + ollama_line("cwdé", [ollama_token("cwd", -0.05), ollama_token("é", -0.5)])
        + ollama_line("", **OLLAMA_END)
    )
    with asked("ollama", chunked(NDJSON, text), default_bundle) as (engine, found):
        assert found == Candidate(("get", "cwd", "é"), (-0.25, -0.05, -0.5), StopReason.END)
        assert title_of(engine).endswith("text leaves this process")


def test_ollama_before_0_12_11_tells_no_probabilities_and_that_is_said(
    default_bundle: Bundle,
) -> None:
    text = ollama_line("getcwd()") + ollama_line("", **{**OLLAMA_END, "done_reason": "length"})
    with asked("ollama", chunked(NDJSON, text), default_bundle) as (engine, found):
        assert (found.text, found.rated, found.stop) == ("getcwd()", False, StopReason.LENGTH)
        assert "no probabilities" in title_of(engine)


def test_an_ollama_that_has_only_loaded_its_model_has_written_nothing(
    default_bundle: Bundle,
) -> None:
    text = ollama_line("", done=True, done_reason="load")
    with asked("ollama", chunked(NDJSON, text), default_bundle) as (engine, found):
        assert (found.text, found.stop) == ("", StopReason.END)
        assert "gone" not in title_of(engine)


def test_vllms_events_give_tokens_with_their_probabilities(default_bundle: Bundle) -> None:
    """Its last event has text too, and usage may come after it, without choices."""
    text = (
        vllm_event("get", [("get", -0.25)])
        + vllm_event("cwd", [("cwd", -0.5)])
        + vllm_event("()", [("()", -0.125)], "stop")
        + vllm_data(choices=[], usage=VLLM_USAGE)
        + DONE
    )
    with asked("openai", chunked(EVENTS, text), default_bundle) as (engine, found):
        assert found == Candidate(("get", "cwd", "()"), (-0.25, -0.5, -0.125), StopReason.END)
        assert title_of(engine).endswith("text leaves this process")


def test_a_character_that_vllm_holds_back_until_it_is_whole_has_no_probability(
    default_bundle: Bundle,
) -> None:
    text = (
        vllm_event("a", [("a", -0.25)])
        + vllm_event("", [("\ufffd", -0.5)])
        + vllm_event("é", [("\ufffd", -0.125)], "length")
        + DONE
    )
    with asked("openai", chunked(EVENTS, text), default_bundle) as (_, found):
        assert (found.text, found.rated, found.stop) == ("aé", False, StopReason.LENGTH)


Fault = tuple[str, Callable[[], Answer], str]
VLLM_ERROR = {"type": "BadRequestError", "param": None, "code": 400}
FAULTS: dict[str, Fault] = {
    "ollama, while it writes": (
        "ollama",
        lambda: chunked(
            NDJSON,
            ollama_line("get", [ollama_token("get", -0.25)])
            + '{"error":"an error was encountered while running the model"}\n',
        ),
        "the error an error was encountered while running the model",
    ),
    "ollama, no such model": (
        "ollama",
        lambda: refused(404, {"error": f"model '{MODEL}' not found"}),
        f"/api/generate answers 404: model '{MODEL}' not found",
    ),
    "ollama, no suffix": (
        "ollama",
        lambda: refused(
            400, {"error": "registry.ollama.ai/library/devstral:latest does not support insert"}
        ),
        "/api/generate answers 400: registry.ollama.ai/library/devstral:latest does not support",
    ),
    "vllm, while it writes": (
        "openai",
        lambda: chunked(
            EVENTS,
            vllm_event("get", [("get", -0.25)])
            + f"data: {json.dumps({'error': {**VLLM_ERROR, 'message': 'engine died'}})}\n\n"
            + DONE,
        ),
        "the error engine died",
    ),
    "vllm, no such model": (
        "openai",
        lambda: refused(
            404,
            {
                "error": {
                    "message": f"The model `{MODEL}` does not exist.",
                    "type": "NotFoundError",
                    "param": "model",
                    "code": 404,
                }
            },
        ),
        f"/v1/completions answers 404: The model `{MODEL}` does not exist.",
    ),
    "vllm, no suffix": (
        "openai",
        lambda: refused(
            400, {"error": {**VLLM_ERROR, "message": "suffix is not currently supported"}}
        ),
        "/v1/completions answers 400: suffix is not currently supported",
    ),
    "vllm before 0.10, where an error stands by itself": (
        "openai",
        lambda: refused(
            400, {"object": "error", **VLLM_ERROR, "message": "maximum context length is 4096"}
        ),
        "/v1/completions answers 400: maximum context length is 4096",
    ),
    "a proxy that knows no such path": (
        "openai",
        lambda: refused(404, {"detail": "Not Found"}),
        "/v1/completions answers 404: Not Found",
    ),
    "a refusal that is no object": (
        "openai",
        lambda: refused(503, ["busy"]),
        "/v1/completions answers 503: ['busy']",
    ),
}


@pytest.mark.parametrize(("api", "answer", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_an_error_is_told_by_its_own_words_and_the_bundle_completes(
    api: str, answer: Callable[[], Answer], said: str, default_bundle: Bundle
) -> None:
    with asked(api, answer(), default_bundle) as (engine, found):
        assert found.text
        assert f"is gone ({said}" in title_of(engine)
        assert "{" not in title_of(engine)
