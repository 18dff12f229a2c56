"""llama.cpp's own server, which llama.vim, llama.vscode, Continue, Twinny and ProxyAI ask."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from lsp_server.http.completion import Completion, CompletionRequest
from lsp_server.http.dialects.dialect import Body, Call, Dialect, Route, events_reply, json_reply
from lsp_server.http.dialects.fields import (
    chunks_of,
    flag_of,
    list_of,
    name_of,
    sampling_of,
    stops_of,
    text_of,
    tokens_of,
)
from lsp_server.http.dialects.openai import prompt_of
from lsp_server.http.dialects.sentinels import split_prompt
from lsp_server.http.refusal import Refusal

SLASH = "/"
MOST_FIELDS = 64
MOST_IDS = 65_536


async def infill(call: Call) -> Response:
    """`POST /infill`: the file around the cursor's line, that line so far, and texts of others.

    `id_slot` is 0 in every client, so it names no slot here.
    """
    body = call.body
    for name in ("input_prefix", "input_suffix"):
        text_of(body, name, needed=True)
    request = CompletionRequest(
        prefix=text_of(body, "input_prefix") + text_of(body, "prompt"),
        suffix=text_of(body, "input_suffix"),
        path=name_of(body, "filename"),
        chunks=chunks_of(list_of(body, "input_extra"), "text", "filename"),
        document=call.session,
        max_tokens=tokens_of(body, "n_predict", "max_tokens"),
        stop=stops_of(body),
        **sampling_of(body),
    )
    found = await call.service.complete(call.person, request)
    if request.is_warm_up and not request.prefix and not request.suffix:
        return json_reply({})
    return reply(call, found, body)


async def complete(call: Call) -> Response:
    """`POST /completion`: a raw prompt, in which there may be marks."""
    body = call.body
    split = split_prompt(prompt_of(body))
    request = CompletionRequest(
        prefix=split.prefix,
        suffix=split.suffix,
        path=split.path,
        chunks=split.chunks,
        document=call.session,
        max_tokens=tokens_of(body, "n_predict", "max_tokens"),
        stop=stops_of(body),
        **sampling_of(body),
    )
    return reply(call, await call.service.complete(call.person, request), body)


def reply(call: Call, found: Completion, body: Body) -> Response:
    """The whole answer, the fields that were asked for, or two events."""
    whole = answer_of(call, found)
    fields = list_of(body, "response_fields")[:MOST_FIELDS]
    shown = pick_fields(whole, fields) if fields else whole
    if not flag_of(body, "stream", False):
        return json_reply(shown)
    first = {"content": whole["content"], "stop": False}
    return events_reply([first, {**shown, "content": "", "stop": True}], done=False)


def answer_of(call: Call, found: Completion) -> dict[str, Any]:
    """llama.cpp's answer; `content` stands first, as a client looks for it by its place."""
    facts, text = call.service.facts, found.best
    return {
        "content": text.text,
        "index": 0,
        "tokens": [],
        "id_slot": 0,
        "stop": True,
        "model": facts.name,
        "tokens_predicted": found.written_tokens,
        "tokens_evaluated": found.prompt_tokens,
        "generation_settings": {"n_ctx": facts.context},
        "prompt": "",
        "has_new_line": "\n" in text.text,
        "truncated": False,
        "stop_type": "limit" if text.is_cut else "eos",
        "stopping_word": "",
        "tokens_cached": found.prompt_tokens - found.read_tokens,
        "timings": timings_of(found),
    }


def timings_of(found: Completion) -> dict[str, float]:
    """How long it took; reading and writing are not told apart, so each is given half."""
    half = found.milliseconds / 2
    read, written = found.read_tokens, found.written_tokens
    return {
        "cache_n": found.prompt_tokens - read,
        "prompt_n": read,
        "prompt_ms": half,
        "prompt_per_token_ms": half / max(read, 1),
        "prompt_per_second": read / half * 1e3 if half else 0.0,
        "predicted_n": written,
        "predicted_ms": half,
        "predicted_per_token_ms": half / max(written, 1),
        "predicted_per_second": written / half * 1e3 if half else 0.0,
    }


def pick_fields(whole: dict[str, Any], names: Sequence[Any]) -> dict[str, Any]:
    """The fields of some names, `a/b` under just that name. Unknown ones are left out."""
    found: dict[str, Any] = {}
    for name in names:
        value: Any = whole
        for part in str(name).split(SLASH):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            found[str(name)] = value
    return found


async def tell_props(call: Call) -> Response:
    """`GET /props`: the model by its name, never by its path."""
    facts = call.service.facts
    return json_reply(
        {
            "default_generation_settings": {"n_ctx": facts.context},
            "total_slots": call.service.config.engines,
            "model_path": facts.name,
            "model_alias": facts.name,
            "build_info": "lory",
        }
    )


async def tokenize(call: Call) -> Response:
    """`POST /tokenize`."""
    text = text_of(call.body, "content", needed=True)
    return json_reply({"tokens": await call.service.tokenize(call.person, text)})


async def detokenize(call: Call) -> Response:
    """`POST /detokenize`."""
    ids = list_of(call.body, "tokens")
    if len(ids) > MOST_IDS or not all(type(token) is int for token in ids):
        raise Refusal(400, "Field 'tokens': expected a list of numbers", parameter="tokens")
    return json_reply({"content": await call.service.detokenize(call.person, list(ids))})


async def tell_health(call: Call) -> Response:
    """`GET /health`."""
    if not call.service.is_ready:
        raise Refusal(503, "Loading model", retry_after=1)
    return json_reply({"status": "ok"})


DIALECT = Dialect(
    name="llama.cpp",
    routes=(
        Route(method="POST", path="/infill", answer=infill),
        Route(method="POST", path="/completion", answer=complete),
        Route(method="POST", path="/completions", answer=complete),
        Route(method="GET", path="/props", answer=tell_props),
        Route(method="POST", path="/tokenize", answer=tokenize),
        Route(method="POST", path="/detokenize", answer=detokenize),
        Route(method="GET", path="/health", answer=tell_health, is_public=True),
    ),
)
