"""The interfaces of llama.cpp, Ollama, OpenAI's completions and Lory's own service.

Nothing that comes back is believed: what has another shape than documented is a fault, in one line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import PurePath
from typing import Any

from lsp_server.engines.remote.options import INFILL, SUFFIX, RemoteOptions
from lsp_server.engines.remote.service import (
    Ask,
    Event,
    Interface,
    Piece,
    ServiceFault,
    error_text,
    joined,
)
from lsp_server.engines.remote.templates import write_prompt

TOPS = 5
"""Likeliest tokens that are asked for; OpenAI's interface gives no more."""


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """`/infill` and `/completion` of llama.cpp's server."""

    options: RemoteOptions

    def request(self, ask: Ask) -> tuple[str, dict[str, Any]]:
        """`/infill` takes the cursor's line apart from the lines above."""
        body: dict[str, Any] = {
            "n_predict": ask.max_tokens,
            "temperature": 0,
            "n_probs": TOPS,
            "cache_prompt": True,
            "stream": True,
        }
        if self.options.model:
            body["model"] = self.options.model
        if self.options.way != INFILL:
            return "/completion", {**body, "prompt": write_prompt(self.options.way, ask)}
        line = ask.prefix.rfind("\n") + 1
        parts = {
            "input_prefix": ask.prefix[:line],
            "input_suffix": ask.suffix,
            "prompt": ask.prefix[line:],
        }
        return "/infill", {**body, **parts}

    def read(self, message: Any) -> Event:
        """One token's event; the last one has the model's name."""
        found = mapping_of(message)
        text = text_of(found, "content")
        pieces = pieces_of(text, rated_pieces(found.get("completion_probabilities")))
        ended = found.get("stop") is True and found.get("stop_type", "eos") != "limit"
        return Event(pieces, ended, text_of(found, "model"))


@dataclass(frozen=True, slots=True)
class Ollama:
    """`/api/generate`."""

    options: RemoteOptions

    def request(self, ask: Ask) -> tuple[str, dict[str, Any]]:
        """With the model's own template where the suffix is a field, else raw."""
        whole = self.options.way == SUFFIX
        prompt = (
            {"prompt": ask.prefix, "suffix": ask.suffix}
            if whole
            else {"prompt": write_prompt(self.options.way, ask), "raw": True}
        )
        return "/api/generate", {
            "model": self.options.model,
            **prompt,
            "stream": True,
            "logprobs": True,
            "top_logprobs": TOPS,
            "options": {"temperature": 0, "num_predict": ask.max_tokens},
        }

    def read(self, message: Any) -> Event:
        """One line."""
        found = mapping_of(message)
        text = text_of(found, "response")
        pieces = pieces_of(text, rated_pieces(found.get("logprobs")))
        ended = found.get("done") is True and found.get("done_reason", "stop") != "length"
        return Event(pieces, ended, text_of(found, "model"))


@dataclass(frozen=True, slots=True)
class OpenAi:
    """`/v1/completions`; `lory` is the same, and takes what it knows beyond it."""

    options: RemoteOptions

    def request(self, ask: Ask) -> tuple[str, dict[str, Any]]:
        """The prompt as `prompt` says; the suffix as a field where the service takes it."""
        body: dict[str, Any] = {
            "max_tokens": ask.max_tokens,
            "temperature": 0,
            "logprobs": TOPS,
            "stream": True,
        }
        if self.options.model:
            body["model"] = self.options.model
        if self.options.way == SUFFIX:
            body |= {"prompt": ask.prefix, "suffix": ask.suffix}
        else:
            body["prompt"] = write_prompt(self.options.way, ask)
        if self.options.api == "lory":
            body |= {"path": ask.path, "min_probability": ask.min_probability}
        return "/v1/completions", body

    def read(self, message: Any) -> Event:
        """One event; the first choice counts."""
        found = mapping_of(message)
        choices = found.get("choices")
        if not isinstance(choices, list):
            raise ServiceFault(f"an answer without choices: {message!r:.80}")
        if not choices:
            return Event(model=text_of(found, "model"))
        choice = mapping_of(choices[0])
        text = text_of(choice, "text")
        pieces = pieces_of(text, listed_pieces(choice.get("logprobs")))
        return Event(pieces, choice.get("finish_reason") == "stop", text_of(found, "model"))


INTERFACES: Mapping[str, Callable[[RemoteOptions], Interface]] = {
    "openai": OpenAi,
    "lory": OpenAi,
    "llama.cpp": LlamaCpp,
    "ollama": Ollama,
}


def mapping_of(message: Any) -> Mapping[str, Any]:
    """A JSON object that tells of no error."""
    if not isinstance(message, dict):
        raise ServiceFault(f"an answer that is no JSON object: {message!r:.80}")
    if error := message.get("error"):
        raise ServiceFault(f"the error {error_text(error)}")
    return message


def text_of(found: Mapping[str, Any], name: str) -> str:
    """A field that is text, or is not there."""
    value = found.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ServiceFault(f"{name} that is no text: {value!r:.60}")
    return value


def pieces_of(text: str, rated: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """A text by its tokens where they make it up, else as one piece of which nothing is known."""
    if rated and joined(rated) == text:
        return rated
    return (Piece(text),) if text else ()


def logprob_of(value: Any) -> float:
    """The logarithm of a probability; at most 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ServiceFault(f"a probability that is none: {value!r:.60}")
    return min(float(value), 0.0)


def rated_pieces(items: Any) -> tuple[Piece, ...]:
    """Tokens as llama.cpp and Ollama list them."""
    if not isinstance(items, list):
        return ()
    return tuple(rated_piece(mapping_of(item)) for item in items if item)


def rated_piece(item: Mapping[str, Any]) -> Piece:
    """One token with the likeliest in its place."""
    tops = item.get("top_logprobs")
    others = [mapping_of(top) for top in tops] if isinstance(tops, list) else []
    return Piece(
        text_of(item, "token"),
        logprob_of(item.get("logprob")),
        tuple((text_of(top, "token"), logprob_of(top.get("logprob"))) for top in others),
    )


def listed_pieces(lists: Any) -> tuple[Piece, ...]:
    """Tokens as OpenAI lists them: parallel lists."""
    if not isinstance(lists, dict):
        return ()
    tokens, logprobs = lists.get("tokens"), lists.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(logprobs, list):
        return ()
    if len(tokens) != len(logprobs) or not all(isinstance(token, str) for token in tokens):
        raise ServiceFault(f"{len(tokens)} tokens with {len(logprobs)} probabilities")
    given = lists.get("top_logprobs")
    tops = given if isinstance(given, list) and len(given) == len(tokens) else [None] * len(tokens)
    return tuple(
        Piece(token, logprob_of(logprob), listed_tops(top))
        for token, logprob, top in zip(tokens, logprobs, tops, strict=True)
    )


def listed_tops(top: Any) -> tuple[tuple[str, float], ...]:
    """The likeliest tokens of one place."""
    if not isinstance(top, dict):
        return ()
    return tuple((str(text), logprob_of(logprob)) for text, logprob in top.items())


def is_model(wanted: str, found: str) -> bool:
    """Whether the model that answers is the one asked for, of any version; a path names a file."""
    names = {found, PurePath(found).name, PurePath(found).stem}
    return any(name == wanted or name.startswith((f"{wanted}:", f"{wanted}-2")) for name in names)
