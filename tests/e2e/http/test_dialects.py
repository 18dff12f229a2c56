"""Requests as the clients send them, read from their sources, against a real service."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.http_service import RunningService, script_arguments
from tests.scripted import Rules, Script, script_bundle

__all__ = ["script_bundle"]

RULES: Rules = [
    {"after": "os.", "completion": "getcwd()"},
    {"after": "data = ", "completion": "'data: 1'"},
    {"after": "return ", "completion": "a + b"},
]
BEFORE, AFTER = "import os\nprint(os.", ")\n"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory, script_bundle: Path) -> Script:
    return Script(tmp_path_factory.mktemp("script"), script_bundle, RULES)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, script: Script) -> Iterator[RunningService]:
    state = tmp_path_factory.mktemp("state")
    with ExitStack() as stack:
        found = RunningService(state, *script_arguments(script, "--engines", "1"))
        stack.callback(found.end)
        yield found.wait_ready()


def asked(script: Script) -> tuple[str, str]:
    """Prefix and suffix of the engine's last request."""
    last = script.asked[-1]
    return last["prefix"], last["suffix"]


def test_llama_vim_finds_content_without_a_space_and_the_fields_it_asks_for(
    service: RunningService,
) -> None:
    reply = service.post(
        "/infill",
        {
            "id_slot": 0,
            "input_prefix": "import os\n",
            "input_suffix": AFTER,
            "input_extra": [{"text": "x = 1\n", "time": 1, "filename": "b.py"}],
            "prompt": "print(os.",
            "n_predict": 128,
            "stop": [],
            "n_indent": 0,
            "top_k": 40,
            "top_p": 0.9,
            "samplers": ["top_k", "top_p", "infill"],
            "stream": False,
            "cache_prompt": True,
            "t_max_prompt_ms": 500,
            "t_max_predict_ms": 250,
            "response_fields": ["content", "timings/prompt_n", "tokens_cached", "truncated", "x"],
            "model": "",
        },
    )
    assert reply.status == 200
    assert reply.text.startswith('{"content":"getcwd()"')
    assert "\n" not in reply.text
    assert set(reply.json) == {"content", "timings/prompt_n", "tokens_cached", "truncated"}


def test_llama_vims_warm_up_is_answered_with_nothing(service: RunningService) -> None:
    body = {"input_prefix": "", "input_suffix": "", "prompt": "", "n_predict": 0}
    body |= {"input_extra": [{"text": "x", "filename": "a"}], "response_fields": [""]}
    assert service.post("/infill", body).text == "{}"


def test_llama_vscode_finds_the_context_and_one_object_for_three_wanted(
    service: RunningService,
) -> None:
    body = {"input_prefix": "import os\n", "input_suffix": AFTER, "prompt": "print(os."}
    found = service.post("/infill", {**body, "n_cmpl": 3}).json
    assert found["content"] == "getcwd()"
    assert found["generation_settings"]["n_ctx"] == 1024
    assert found["timings"]["predicted_n"] > 0


@pytest.mark.parametrize("missing", ["input_prefix", "input_suffix"])
def test_infill_without_a_side_says_which(service: RunningService, missing: str) -> None:
    body = {"input_prefix": "", "input_suffix": ""}
    del body[missing]
    reply = service.post("/infill", body)
    assert (reply.status, reply.json["error"]["param"]) == (400, missing)


def test_continues_llama_cpp_provider_reads_events_without_an_end_mark(
    service: RunningService, script: Script
) -> None:
    prompt = f"<fim_prefix>{BEFORE}<fim_suffix>{AFTER}<fim_middle>"
    reply = service.post("/completion", {"prompt": prompt, "stream": True, "n_predict": 64})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "".join(event["content"] for event in reply.events) == "getcwd()"
    assert [event["stop"] for event in reply.events] == [False, True]
    assert "[DONE]" not in reply.text
    assert asked(script)[0] == BEFORE


def test_openai_answers_have_every_field_that_zed_needs(service: RunningService) -> None:
    body = {"model": "any", "prompt": BEFORE, "suffix": AFTER, "max_tokens": 32, "stop": ["\n"]}
    found = service.post("/v1/completions", body).json
    assert found["choices"] == [
        {"index": 0, "text": "getcwd()", "logprobs": None, "finish_reason": "stop"}
    ]
    assert found["object"] == "text_completion"
    assert isinstance(found["created"], int)
    assert set(found["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert found["id"] != service.post("/v1/completions", body).json["id"]


def test_an_openai_stream_tells_why_it_ends_before_its_end_mark(service: RunningService) -> None:
    body = {"prompt": BEFORE, "suffix": AFTER, "stream": True}
    reply = service.post("/v1/completions", {**body, "stream_options": {"include_usage": True}})
    *texts, usage = reply.events
    assert all("text" in event["choices"][0] for event in texts)
    assert [event["choices"][0]["finish_reason"] for event in texts] == [None, "stop"]
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 0
    assert reply.text.endswith("data: [DONE]\n\n")


def test_an_event_never_holds_the_mark_that_twinny_cuts_events_at(service: RunningService) -> None:
    reply = service.post("/v1/completions", {"prompt": "data = ", "stream": True})
    assert "".join(event["choices"][0]["text"] for event in reply.events) == "'data: 1'"
    assert all(line.count("data:") == 1 for line in reply.text.split("\n\n") if line)


def test_tabby_is_told_from_openai_by_its_body(service: RunningService, script: Script) -> None:
    segments = {
        "prefix": BEFORE,
        "suffix": AFTER,
        "filepath": "src/a.py",
        "git_url": "x",
        "declarations": [{"filepath": "b.py", "body": "def b(): pass\n"}],
        "relevant_snippets_from_changed_files": [{"filepath": "c.py", "body": "c", "score": 1.0}],
        "clipboard": "pasted",
    }
    found = service.post("/v1/completions", {"language": "python", "segments": segments}).json
    assert found["choices"] == [{"index": 0, "text": "getcwd()"}]
    assert found["mode"] == "standard"
    assert script.asked[-1]["path"] == "src/a.py"


def test_tabby_agent_is_told_a_model_and_that_nothing_is_to_be_sent(
    service: RunningService,
) -> None:
    assert service.get("/v1/health").json["model"] == "scripted"
    assert service.post("/v1/health", {}).json["version"]["git_describe"].startswith("v0.")
    assert service.get("/v1beta/server_setting").json == {"disable_client_side_telemetry": True}


def test_tabbys_events_are_counted_and_others_refused(service: RunningService) -> None:
    before = service.measure("lory_accepted_total")
    event = {"type": "select", "completion_id": "cmpl-1", "choice_index": 0, "elapsed": 5}
    assert service.post("/v1/events?select_kind=line", event).status == 200
    assert service.measure("lory_accepted_total") == before + 1
    assert service.post("/v1/events", {**event, "type": "other"}).status == 400


def test_mistrals_answer_is_a_message_and_its_stream_has_no_null(service: RunningService) -> None:
    body = {"model": "codestral", "prompt": BEFORE, "suffix": AFTER, "random_seed": 1}
    found = service.post("/v1/fim/completions", body).json
    assert found["choices"][0]["message"] == {"role": "assistant", "content": "getcwd()"}
    reply = service.post("/v1/fim/completions", {**body, "stream": True})
    contents = [event["choices"][0]["delta"]["content"] for event in reply.events]
    assert contents == ["getcwd()", ""]


@pytest.mark.parametrize("path", ["/beta/completions", "/api/v0/completions"])
def test_deepseek_and_lm_studio_are_openai_by_another_path(
    service: RunningService, path: str
) -> None:
    reply = service.post(path, {"prompt": BEFORE, "suffix": AFTER})
    assert reply.json["choices"][0]["text"] == "getcwd()"


def test_ollama_streams_lines_unless_told_otherwise(service: RunningService) -> None:
    body = {"model": "x", "prompt": BEFORE, "suffix": AFTER, "options": {"num_predict": 64}}
    lines = [json.loads(line) for line in service.post("/api/generate", body).text.splitlines()]
    assert "".join(line["response"] for line in lines) == "getcwd()"
    assert [line["done"] for line in lines] == [False, True]
    whole = service.post("/api/generate", {**body, "stream": False}).json
    assert (whole["response"], whole["done"]) == ("getcwd()", True)
    assert "created_at" in whole


def test_ollamas_template_tells_continue_that_there_is_fill_in_the_middle(
    service: RunningService,
) -> None:
    shown = service.post("/api/show", {"name": "x"}).json
    assert ".Suffix" in shown["template"]
    assert "num_ctx 1024" in shown["parameters"]
    assert service.get("/api/tags").json["models"][0]["name"] == "scripted"
    assert service.get("/api/version").json["version"]


def test_tgi_answers_one_object_and_no_list(service: RunningService) -> None:
    inputs = f"<fim_prefix>{BEFORE}<fim_suffix>{AFTER}<fim_middle>"
    parameters = {"return_full_text": False, "max_new_tokens": 60, "temperature": 0.2}
    reply = service.post("/generate", {"inputs": inputs, "parameters": parameters})
    assert reply.json == {"generated_text": "getcwd()"}


def test_tokens_become_text_again(service: RunningService) -> None:
    ids = service.post("/tokenize", {"content": "def f():\n"}).json["tokens"]
    assert service.post("/detokenize", {"tokens": ids}).json["content"] == "def f():\n"
    assert service.post("/detokenize", {"tokens": [-1, 10**9]}).json["content"] == ""


def test_models_are_listed_with_their_length_and_never_a_path(service: RunningService) -> None:
    for path in ("/v1/models", "/models", "/api/v0/models"):
        entry = service.get(path).json["data"][0]
        assert (entry["id"], entry["max_model_len"]) == ("scripted", 1024)
    assert service.get("/props").json["model_path"] == "scripted"


@pytest.mark.parametrize(
    ("path", "body", "read"),
    [
        ("/api/generate", {"prompt": 1}, lambda found: found["error"]),
        ("/generate", {"inputs": 1}, lambda found: found["error"]),
        ("/infill", {}, lambda found: found["error"]["message"]),
        ("/v1/completions", {"prompt": 1}, lambda found: found["detail"][0]["msg"]),
    ],
)
def test_each_client_reads_its_own_kind_of_error(
    service: RunningService, path: str, body: Any, read: Callable[[Any], Any]
) -> None:
    reply = service.post(path, body)
    assert reply.status == 400
    assert isinstance(read(reply.json), str)


def test_files_with_wide_line_ends_get_them_back(service: RunningService, script: Script) -> None:
    prefix = "import os\r\n\r\nprint(os."
    reply = service.post("/v1/completions", {"prompt": prefix, "suffix": ")\r\n"})
    assert reply.json["choices"][0]["text"] == "getcwd()"
    assert "\r" not in asked(script)[0]


LITELLM: dict[str, tuple[str, dict[str, Any]]] = {
    "text-completion-openai": (
        "/v1/completions",
        {"model": "lory-6m", "max_tokens": 32, "suffix": AFTER},
    ),
    "text-completion-codestral": (
        "/v1/fim/completions",
        {"model": "lory-6m", "max_tokens": 32, "suffix": AFTER},
    ),
    "ollama": (  # the suffix lies where Ollama itself does not look for it either
        "/api/generate",
        {
            "model": "lory-6m",
            "options": {"num_predict": 32, "suffix": AFTER},
            "stream": False,
        },
    ),
}


@pytest.mark.parametrize("provider", LITELLM)
def test_litellm_is_answered_by_each_of_its_providers(
    service: RunningService, script: Script, provider: str
) -> None:
    path, body = LITELLM[provider]
    before = f"# {provider}\n{BEFORE}"  # new, so that the engine is asked
    reply = service.post(path, {**body, "prompt": before})
    assert reply.status == 200
    assert '"getcwd()"' in reply.text
    prefix, suffix = asked(script)
    assert prefix == before
    assert bool(suffix) == (provider != "ollama")
