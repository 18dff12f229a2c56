"""Mistral's fill-in-the-middle: a prompt and a suffix, answered like a chat message."""

from typing import Any

from starlette.responses import Response

from lsp_server.http.dialects.dialect import Call, Dialect, Route, events_reply, json_reply
from lsp_server.http.dialects.fields import flag_of
from lsp_server.http.dialects.openai import finish_of, head_of, read_request, texts_of, usage_of


async def complete(call: Call) -> Response:
    """`POST /v1/fim/completions`."""
    streamed = flag_of(call.body, "stream", False)
    found = await call.service.complete(call.person, read_request(call, "random_seed"))
    texts, usage = texts_of(found), usage_of(found)
    if not streamed:
        choices = [
            {"index": number, "message": message(text.text), "finish_reason": finish_of(text)}
            for number, text in enumerate(texts)
        ]
        return json_reply({**head_of(call, "chat.completion"), "choices": choices, "usage": usage})
    head = head_of(call, "chat.completion.chunk")
    events = []
    for number, text in enumerate(texts):
        events.append({**head, "choices": [part(number, text.text, None)]})
        events.append({**head, "choices": [part(number, "", finish_of(text))]})
    events[-1]["usage"] = usage
    return events_reply(events, done=True)


def message(text: str) -> dict[str, str]:
    """A text as what a model says; never null, which a client in Rust does not take."""
    return {"role": "assistant", "content": text}


def part(number: int, text: str, finish: str | None) -> dict[str, Any]:
    """A piece of a choice."""
    return {"index": number, "delta": message(text), "finish_reason": finish}


DIALECT = Dialect(
    name="mistral",
    routes=(Route(method="POST", path="/v1/fim/completions", answer=complete),),
)
