"""Completes requests of the service with the language server's own stations, on one thread."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import PurePosixPath
from threading import Event
from time import perf_counter
from typing import Any

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.context.reader import Reader
from lsp_server.completion.model.limits import Wishes
from lsp_server.completion.model.loading import Model, load_model
from lsp_server.completion.request_trace import Filtered
from lsp_server.completion.suggestion import generate, recall_from, select
from lsp_server.completion.suggestion_cache import SuggestionCache
from lsp_server.contract.languages import profiles
from lsp_server.contract.prompt import decode, encode, load_tokenizer
from lsp_server.contract.text_form import CANONICAL, find_form, with_plain_ends
from lsp_server.engines import Candidate, StopReason
from lsp_server.http.completion import Completion, CompletionRequest, ModelFacts, Text
from lsp_server.plugins import PluginGuard, Report
from lsp_server.project.index.kept_ids import keep_ids
from lsp_server.project.index.open_texts import OpenTexts
from lsp_server.project.index.view import ProjectView
from lsp_server.settings import Settings

CRLF = "\r\n"


class Completing:
    """A loaded model, and what is kept of each person's latest documents."""

    def __init__(self, settings: Settings, documents: int, report: Report) -> None:
        """Loads the model; LoryError where that cannot be. `documents` are kept at most."""
        self._settings = settings
        self._guard = PluginGuard(report)
        loaded = load_model(settings, self._guard)
        self._model = replace(loaded, reader=Reader(documents))
        self._memory = SuggestionCache(documents)
        self._plain = load_tokenizer(loaded.bundle.tokenizer_path)

    @property
    def facts(self) -> ModelFacts:
        """What clients are told of the model."""
        manifest = self._model.bundle.manifest
        return ModelFacts(
            name=manifest.name,
            title=self._model.title,
            context=manifest.context,
            parameters=manifest.parameters,
            size=sum(record.bytes for record in manifest.files.values()),
            digest=self._model.sha256,
            languages=manifest.languages,
        )

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text."""
        return encode(self._model.tokenizer, text)

    def detokenize(self, ids: list[int]) -> str:
        """The text of token ids; those that the vocabulary does not have are left out."""
        size = self._model.bundle.manifest.vocabulary
        return decode(self._plain, [token for token in ids if 0 <= token < size])

    def complete(self, request: CompletionRequest, owner: str, cancelled: Event) -> Completion:
        """What is likely enough to be shown; `owner` is whose caches may be used."""
        begun = perf_counter()
        cursor = self._cursor(request, owner)
        if not self._model.serves(cursor.language):
            return Completion()
        settings = self._settings_for(request)
        repeatable = request.temperature <= 0 and request.count == 1 and not request.is_warm_up
        if repeatable:
            known = recall_from(self._memory, self._model, settings, self._guard, cursor)
            if known is not None:
                return Completion(
                    texts=self._texts(request, known.filtered),
                    prompt_tokens=len(known.generation.prompt) if known.generation else 0,
                    milliseconds=(perf_counter() - begun) * 1e3,
                    from_memory=True,
                )
        wishes = self._wishes(request, owner)
        generation = generate(self._model, settings, self._guard, cursor, cancelled, wishes)
        if repeatable and generation.candidates and not cancelled.is_set():
            self._memory.remember(cursor, generation)
        shown = select(self._model, settings, self._guard, cursor, generation.candidates)
        prompt = len(generation.prompt)
        return Completion(
            texts=() if request.is_warm_up else self._texts(request, shown),
            prompt_tokens=prompt,
            read_tokens=prompt if generation.read is None else generation.read,
            written_tokens=sum(len(item.tokens) for item in generation.candidates),
            milliseconds=(perf_counter() - begun) * 1e3,
        )

    def _cursor(self, request: CompletionRequest, owner: str) -> Cursor:
        prefix, suffix = with_plain_ends(request.prefix), with_plain_ends(request.suffix)
        wished = (request.document or request.path, request.stop, request.max_tokens)
        name = sha256(repr((*wished, request.min_probability)).encode()).hexdigest()
        language = language_of(request, self._model)
        return Cursor(
            uri=f"{owner}/{name}",
            language=language,
            path=request.path,
            prefix=prefix,
            suffix=suffix,
            form=find_form(prefix + suffix, language) or CANONICAL,
            invoked=request.count > 1,
        )

    def _settings_for(self, request: CompletionRequest) -> Settings:
        settings = replace(self._settings, alternatives=request.count)
        if request.min_probability is not None:
            settings = replace(settings, min_probability=request.min_probability)
        return settings

    def _wishes(self, request: CompletionRequest, owner: str) -> Wishes:
        others: ProjectView | None = None
        if request.chunks:
            ids = (encode(self._model.tokenizer, chunk.text) for chunk in request.chunks)
            others = ProjectView((), OpenTexts(map(keep_ids, ids)))
        return Wishes(
            max_tokens=max(request.max_tokens, 1) if request.max_tokens is not None else None,
            stop=request.stop,
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
            others=others,
            owner=owner,
        )

    def _texts(self, request: CompletionRequest, found: Filtered) -> tuple[Text, ...]:
        wide = CRLF in request.prefix or CRLF in request.suffix
        return tuple(text_of(item, wide=wide) for item in found.shown[: request.count])


def text_of(candidate: Candidate, *, wide: bool) -> Text:
    """What a client is given of a candidate, with its file's line ends."""
    tokens = candidate.tokens
    if wide:
        tokens = tuple(token.replace("\n", CRLF) for token in tokens)
    is_cut = candidate.stop is StopReason.LENGTH
    return Text("".join(tokens), is_cut, tokens, candidate.logprobs)


def language_of(request: CompletionRequest, model: Model) -> str:
    """The language id of a request: by its path, else as it says, else the model's first."""
    path = request.path.replace("\\", "/").lower()
    if PurePosixPath(path).suffix:
        return profiles.language_of(path)
    return request.language.lower() or model.bundle.manifest.languages[0]


def read_settings_of(values: Mapping[str, Any]) -> Settings:
    """The settings that the service's process has judged already."""
    from lsp_server.settings import read_settings

    return read_settings(values)
