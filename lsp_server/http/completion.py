"""What every dialect is translated into: one kind of request, one kind of answer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Chunk:
    """Text from another file that a client sends along; it counts for this one request only."""

    text: str
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """A cursor, the text around it, and what the client wants there."""

    prefix: str
    suffix: str = ""
    path: str = ""
    language: str = ""
    """A language id such as `python`; "" where only the path tells, or nothing does."""
    chunks: tuple[Chunk, ...] = ()
    document: str = ""
    """What the client calls the document or session; prompts of one are kept together."""
    max_tokens: int | None = None
    """None for as many as the settings allow."""
    stop: tuple[str, ...] = ()
    """Texts before which a completion ends."""
    count: int = 1
    """Completions at most."""
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    min_probability: float | None = None
    """Show only what is right at least this often; None for the setting's value."""

    @property
    def is_warm_up(self) -> bool:
        """Whether the prompt is only to be read, because the cursor will come there."""
        return self.max_tokens == 0

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Text:
    """One completion."""

    text: str
    is_cut: bool = False
    """Whether the token limit ended it."""
    tokens: tuple[str, ...] = ()
    """The text in tokens."""
    logprobs: tuple[float, ...] = ()
    """Parallel to them: each one's probability as a natural logarithm, the project mixed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What the engine has to say."""

    texts: tuple[Text, ...] = ()
    """Best first; none where nothing is likely enough."""
    prompt_tokens: int = 0
    read_tokens: int = 0
    """Those of the prompt that were not in a cache."""
    written_tokens: int = 0
    milliseconds: float = 0.0
    """In the engine."""
    waited: float = 0.0
    """Milliseconds before an engine was free."""
    from_memory: bool = False
    """Whether it is what is left of an earlier answer."""

    @property
    def best(self) -> Text:
        """The first text; an empty one where there is none."""
        return self.texts[0] if self.texts else Text("")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What clients are told of the model."""

    name: str
    title: str
    context: int
    parameters: int
    size: int
    """Bytes."""
    digest: str
    languages: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def request_from(values: Mapping[str, Any]) -> CompletionRequest:
    """The request that `as_json` gave, after JSON has made lists of its tuples."""
    chunks = tuple(Chunk(**chunk) for chunk in values["chunks"])
    return CompletionRequest(**{**values, "chunks": chunks, "stop": tuple(values["stop"])})


def completion_from(values: Mapping[str, Any]) -> Completion:
    """The same for a completion."""
    return Completion(**{**values, "texts": tuple(map(text_from, values["texts"]))})


def text_from(values: Mapping[str, Any]) -> Text:
    """The same for one text."""
    lists = {name: tuple(values[name]) for name in ("tokens", "logprobs")}
    return Text(**{**values, **lists})


def facts_from(values: Mapping[str, Any]) -> ModelFacts:
    """The same for what is told of a model."""
    return ModelFacts(**{**values, "languages": tuple(values["languages"])})
