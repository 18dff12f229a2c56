"""Reads fields of a request's body: what is missing has a default, numbers come into range."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lsp_server.http.completion import Chunk
from lsp_server.http.refusal import Refusal

Body = Mapping[str, Any]

MOST_TOKENS = 256
MOST_STOPS, LONGEST_STOP = 16, 64
MOST_CHUNKS, LONGEST_CHUNK = 64, 16_384
MOST_COMPLETIONS = 4
LONGEST_NAME = 1024
LARGEST_SEED = 2**31 - 1
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def text_of(body: Body, name: str, *, needed: bool = False) -> str:
    """A text field; "" where it is missing. Half a character counts as U+FFFD."""
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str):
        raise Refusal(400, f"Field '{name}': expected a string", parameter=name)
    return LONE_SURROGATE.sub("\ufffd", value)


def name_of(body: Body, name: str) -> str:
    """A text field that names something, such as a path; a long one is cut at its start."""
    return text_of(body, name)[-LONGEST_NAME:]


def object_of(body: Body, name: str) -> Body:
    """A field that is an object; {} where it is missing."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Refusal(400, f"Field '{name}': expected an object", parameter=name)
    return value


def list_of(body: Body, name: str) -> Sequence[Any]:
    """A field that is a list; [] where it is missing."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refusal(400, f"Field '{name}': expected a list", parameter=name)
    return value


def flag_of(body: Body, name: str, default: bool) -> bool:
    """A field that is true or false."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Refusal(400, f"Field '{name}': expected true or false", parameter=name)
    return value


def number_of(body: Body, name: str, default: float, low: float, high: float) -> float:
    """A number, brought into its range."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(400, f"Field '{name}': expected a number", parameter=name)
    if isinstance(value, float) and math.isnan(value):
        raise Refusal(400, f"Field '{name}': expected a number", parameter=name)
    return float(min(max(value, low), high))


def tokens_of(body: Body, *names: str) -> int | None:
    """How many tokens are wanted at most, under the first of some names.

    A negative number stands for as many as the server gives.
    """
    for name in names:
        if body.get(name) is not None:
            wanted = int(number_of(body, name, -1, -1, MOST_TOKENS))
            return None if wanted < 0 else wanted
    return None


def stops_of(body: Body, name: str = "stop") -> tuple[str, ...]:
    """Texts to stop before: one, or a list of which the first few count."""
    value = body.get(name)
    if value is None:
        return ()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(400, f"Field '{name}': expected a string or a list of them", parameter=name)
    return tuple(text[:LONGEST_STOP] for text in texts if text)[:MOST_STOPS]


def count_of(body: Body, name: str = "n") -> int:
    """How many completions are wanted."""
    return int(number_of(body, name, 1, 1, MOST_COMPLETIONS))


def sampling_of(body: Body, seed: str = "seed") -> dict[str, Any]:
    """What tokens are drawn by, as fields of a CompletionRequest."""
    least = body.get("min_probability")
    return {
        "temperature": number_of(body, "temperature", 0.0, 0.0, 2.0),
        "top_p": number_of(body, "top_p", 1.0, 0.01, 1.0),
        "seed": int(number_of(body, seed, 0, 0, LARGEST_SEED)),
        "min_probability": (
            None if least is None else number_of(body, "min_probability", 0.0, 0.0, 1.0)
        ),
    }


def chunks_of(values: Sequence[Any], text: str, path: str) -> tuple[Chunk, ...]:
    """Texts of other files, from a list of objects with these fields; the last ones count."""
    chunks: list[Chunk] = []
    for value in values[-MOST_CHUNKS:]:
        if not isinstance(value, Mapping):
            raise Refusal(400, "Expected an object for each text of another file")
        chunks.append(
            Chunk(text_of(value, text, needed=True)[:LONGEST_CHUNK], name_of(value, path))
        )
    return tuple(chunks)
