"""Hugging Face's text-generation-inference, which llm.nvim, llm-vscode and llm-intellij ask."""

from starlette.responses import Response

from lsp_server.http.completion import CompletionRequest
from lsp_server.http.dialects.dialect import Body, Call, Dialect, Route, json_reply
from lsp_server.http.dialects.fields import object_of, sampling_of, stops_of, tokens_of
from lsp_server.http.dialects.openai import prompt_of
from lsp_server.http.dialects.sentinels import split_prompt
from lsp_server.http.refusal import Refusal


async def generate(call: Call) -> Response:
    """`POST /generate`: one object; llm-ls takes a list for a fault."""
    split = split_prompt(prompt_of(call.body, "inputs"))
    parameters = object_of(call.body, "parameters")
    request = CompletionRequest(
        prefix=split.prefix,
        suffix=split.suffix,
        path=split.path,
        chunks=split.chunks,
        document=call.session,
        max_tokens=tokens_of(parameters, "max_new_tokens"),
        stop=stops_of(parameters),
        **sampling_of(parameters),
    )
    found = await call.service.complete(call.person, request)
    return json_reply({"generated_text": found.best.text})


def tell_refusal(refusal: Refusal) -> Body:
    """An error with its kind."""
    kind = "validation" if refusal.status == 400 else "overloaded"
    return {"error": refusal.message, "error_type": kind}


DIALECT = Dialect(
    name="tgi",
    routes=(
        Route(method="POST", path="/generate", answer=generate),
        Route(method="POST", path="/", answer=generate),
    ),
    tell_refusal=tell_refusal,
)
