"""OpenAI's legacy completions, which most plugins know; with `suffix`, which most servers refuse.

`/api/v0` is the same by the path that JetBrains' LM Studio provider asks.
"""

import secrets
import time
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from starlette.responses import Response

from lsp_server.http.completion import Completion, CompletionRequest, Text
from lsp_server.http.dialects.dialect import Call, Dialect, Route, events_reply, json_reply
from lsp_server.http.dialects.fields import (
    Body,
    count_of,
    flag_of,
    name_of,
    object_of,
    sampling_of,
    stops_of,
    text_of,
    tokens_of,
)
from lsp_server.http.dialects.sentinels import Split, split_prompt
from lsp_server.http.refusal import Refusal

OWNER = "lory"


def prompt_of(body: Body, name: str = "prompt") -> str:
    """The prompt: a text, or a list of one."""
    value = body.get(name)
    if isinstance(value, list) and len(value) == 1:
        return text_of({name: value[0]}, name, needed=True)
    return text_of(body, name, needed=True)


def split_of(body: Body) -> Split:
    """Prefix and suffix as the fields have them; a prompt without a suffix may hold marks."""
    prompt = prompt_of(body)
    if body.get("suffix") is None:
        return split_prompt(prompt)
    return Split(prompt, text_of(body, "suffix"))


def read_request(call: Call, seed: str = "seed") -> CompletionRequest:
    """A body with `prompt` and perhaps `suffix`."""
    body, split = call.body, split_of(call.body)
    return CompletionRequest(
        prefix=split.prefix,
        suffix=split.suffix,
        path=split.path or name_of(body, "path"),
        language=name_of(body, "language"),
        chunks=split.chunks,
        document=call.session,
        max_tokens=tokens_of(body, "max_tokens", "max_completion_tokens"),
        stop=stops_of(body),
        count=count_of(body),
        **sampling_of(body, seed),
    )


def usage_of(found: Completion) -> dict[str, int]:
    """How many tokens it took."""
    prompt, written = found.prompt_tokens, found.written_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
    }


def finish_of(text: Text) -> str:
    """Why a text ended."""
    return "length" if text.is_cut else "stop"


def texts_of(found: Completion) -> Sequence[Text]:
    """The texts; an empty one where there is none, as clients read the first without looking."""
    return found.texts or (found.best,)


def head_of(call: Call, kind: str) -> dict[str, Any]:
    """What every answer and event begins with."""
    return {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": call.service.facts.name,
    }


def wants_usage(body: Body) -> bool:
    """Whether a stream is to end with what it took."""
    return flag_of(object_of(body, "stream_options"), "include_usage", False)


async def complete(call: Call) -> Response:
    """`POST /v1/completions`."""
    body = call.body
    if flag_of(body, "echo", False):
        raise Refusal(400, "Field 'echo': expected false", parameter="echo")
    streamed, with_usage = flag_of(body, "stream", False), wants_usage(body)
    request = read_request(call)
    found = await call.service.complete(call.person, request)
    head, texts = head_of(call, "text_completion"), texts_of(found)
    if not streamed:
        choices = [
            choice(number, text.text, finish_of(text), logprobs_of(body, text))
            for number, text in enumerate(texts)
        ]
        return json_reply({**head, "choices": choices, "usage": usage_of(found)})
    events = []
    for number, text in enumerate(texts):
        logprobs = logprobs_of(body, text)
        events.append({**head, "choices": [choice(number, text.text, None, logprobs)]})
        events.append({**head, "choices": [choice(number, "", finish_of(text))]})
    if with_usage:
        events.append({**head, "choices": [], "usage": usage_of(found)})
    return events_reply(events, done=True)


def choice(
    number: int, text: str, finish: str | None, logprobs: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One of a completion's choices."""
    return {"index": number, "text": text, "logprobs": logprobs, "finish_reason": finish}


def logprobs_of(body: Body, text: Text) -> dict[str, Any] | None:
    """Each token's probability where it is asked for; not those of other tokens."""
    if body.get("logprobs") in (None, False):
        return None
    return {
        "tokens": text.tokens,
        "token_logprobs": text.logprobs,
        "top_logprobs": None,
        "text_offset": list(accumulate(map(len, text.tokens[:-1]), initial=0))[: len(text.tokens)],
    }


async def list_models(call: Call) -> Response:
    """`GET /v1/models`: the one model there is."""
    facts = call.service.facts
    entry = {
        "id": facts.name,
        "object": "model",
        "created": call.service.started,
        "owned_by": OWNER,
        "max_model_len": facts.context,
        "meta": {"n_ctx_train": facts.context, "n_params": facts.parameters, "size": facts.size},
    }
    known = {"name": facts.name, "model": facts.name, "capabilities": ["completion", "insert"]}
    return json_reply({"object": "list", "data": [entry], "models": [known]})


async def refuse_chat(call: Call) -> Response:
    """`POST /v1/chat/completions`: a model of code alone does not chat."""
    raise Refusal(501, "This model completes code; it does not chat")


DIALECT = Dialect(
    name="openai",
    routes=(
        Route(method="POST", path="/v1/completions", answer=complete),
        Route(method="POST", path="/v1/chat/completions", answer=refuse_chat),
        Route(method="GET", path="/v1/models", answer=list_models),
        Route(method="GET", path="/models", answer=list_models),
        Route(method="POST", path="/api/v0/completions", answer=complete),
        Route(method="GET", path="/api/v0/models", answer=list_models),
    ),
)
