"""Ollama, which most plugins ask when they are told nothing."""

from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from lsp_server.http.completion import Completion, CompletionRequest
from lsp_server.http.dialects.dialect import (
    Call,
    Dialect,
    Route,
    json_reply,
    lines_reply,
    string_error,
)
from lsp_server.http.dialects.fields import flag_of, object_of, sampling_of, stops_of, tokens_of
from lsp_server.http.dialects.openai import finish_of, split_of

VERSION = "0.17.1"
"""Of the Ollama whose answers these are; clients ask for a least one."""
TEMPLATE = "{{ .Prompt }}{{ .Suffix }}"
"""Plugins look for `.Suffix` in it to learn that there is fill-in-the-middle."""
NANOSECONDS = 1_000_000
"""In a millisecond."""


def now() -> str:
    """As Ollama writes times."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


async def generate(call: Call) -> Response:
    """`POST /api/generate`: streamed unless told otherwise; without a prompt it only loads."""
    body, options = call.body, object_of(call.body, "options")
    streamed = flag_of(body, "stream", True)
    head = {"model": call.service.facts.name, "created_at": now()}
    if not body.get("prompt") and not body.get("suffix"):
        return json_reply({**head, "response": "", "done": True, "done_reason": "load"})
    split = split_of(body)
    request = CompletionRequest(
        prefix=split.prefix,
        suffix=split.suffix,
        path=split.path,
        chunks=split.chunks,
        document=call.session,
        max_tokens=tokens_of(options, "num_predict"),
        stop=stops_of(options),
        **sampling_of(options),
    )
    found = await call.service.complete(call.person, request)
    end = {**head, "response": found.best.text, "done": True, **counters_of(found)}
    if not streamed:
        return json_reply(end)
    begun = {**head, "response": found.best.text, "done": False}
    return lines_reply([begun, {**end, "response": ""}])


def counters_of(found: Completion) -> dict[str, Any]:
    """What an answer ends with; times in nanoseconds."""
    spent = int(found.milliseconds * NANOSECONDS)
    return {
        "done_reason": finish_of(found.best),
        "context": [],
        "total_duration": spent,
        "load_duration": 0,
        "prompt_eval_count": found.prompt_tokens,
        "prompt_eval_duration": spent // 2,
        "eval_count": found.written_tokens,
        "eval_duration": spent - spent // 2,
    }


def details_of(call: Call) -> dict[str, Any]:
    """What kind of model it is."""
    size = f"{call.service.facts.parameters / 1e6:.1f}M"
    return {
        "parent_model": "",
        "format": "onnx",
        "family": "lory",
        "families": ["lory"],
        "parameter_size": size,
        "quantization_level": "",
    }


async def list_tags(call: Call) -> Response:
    """`GET /api/tags` and `/api/ps`: the one model there is."""
    facts = call.service.facts
    started = datetime.fromtimestamp(call.service.started, UTC).isoformat().replace("+00:00", "Z")
    entry = {
        "name": facts.name,
        "model": facts.name,
        "modified_at": started,
        "size": facts.size,
        "digest": facts.digest,
        "details": details_of(call),
        "expires_at": started,
        "size_vram": 0,
    }
    return json_reply({"models": [entry]})


async def show(call: Call) -> Response:
    """`POST /api/show`: that it fills in the middle, and how much it reads."""
    facts = call.service.facts
    return json_reply(
        {
            "modelfile": "",
            "parameters": f"num_ctx {facts.context}",
            "template": TEMPLATE,
            "details": details_of(call),
            "model_info": {
                "general.architecture": "lory",
                "general.parameter_count": facts.parameters,
                "lory.context_length": facts.context,
            },
            "capabilities": ["completion", "insert"],
        }
    )


async def tell_version(call: Call) -> Response:
    """`GET /api/version`."""
    return json_reply({"version": VERSION})


async def tell_running(call: Call) -> Response:
    """`GET /`: what plugins look for to learn that somebody is there."""
    return Response("Ollama is running", media_type="text/plain")


DIALECT = Dialect(
    name="ollama",
    routes=(
        Route(method="POST", path="/api/generate", answer=generate),
        Route(method="GET", path="/api/tags", answer=list_tags),
        Route(method="GET", path="/api/ps", answer=list_tags),
        Route(method="POST", path="/api/show", answer=show),
        Route(method="GET", path="/api/version", answer=tell_version),
        Route(method="GET", path="/", answer=tell_running),
        Route(method="HEAD", path="/", answer=tell_running),
    ),
    tell_refusal=string_error,
)
