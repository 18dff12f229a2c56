"""What the service must not be able to do, read off its routes, its source and its caches."""

import ast
import re
from pathlib import Path
from threading import Event

import pytest

import lsp_server
from lsp_server.http.app import load_dialects
from lsp_server.http.completion import Chunk, CompletionRequest
from lsp_server.http.engine.completing import Completing
from lsp_server.settings import Settings

SOURCE = sorted(Path(lsp_server.__file__).parent.rglob("*.py"))
FORBIDDEN = {
    "pickle",
    "cPickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "torch",
    "yaml",
    "cloudpickle",
}
CALLERS = {"requests", "httpx", "aiohttp", "urllib.request", "http.client", "smtplib", "ftplib"}
"""Libraries that reach out into the network."""


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def served(path: Path) -> bool:
    """Whether a module is part of what serves: measuring speaks to servers, and is not."""
    return "bench" not in path.relative_to(Path(lsp_server.__file__).parent).parts


@pytest.mark.parametrize("path", [path for path in SOURCE if served(path)], ids=lambda p: p.name)
def test_nothing_that_serves_reads_code_as_data_or_calls_out(path: Path) -> None:
    names = imports_of(path)
    assert not {name.split(".")[0] for name in names} & FORBIDDEN
    assert not names & CALLERS
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"allow_pickle=True|trust_remote_code|yaml\.load|torch\.load", text)


def test_the_routes_are_these_and_none_manages_models_or_gives_files() -> None:
    routes = sorted({f"{r.method} {r.path}" for each in load_dialects() for r in each.routes})
    assert routes == [
        "GET /",
        "GET /admin",
        "GET /api/ps",
        "GET /api/tags",
        "GET /api/v0/models",
        "GET /api/version",
        "GET /health",
        "GET /livez",
        "GET /metrics",
        "GET /models",
        "GET /props",
        "GET /readyz",
        "GET /v1/health",
        "GET /v1/models",
        "GET /v1beta/server_setting",
        "HEAD /",
        "POST /",
        "POST /api/generate",
        "POST /api/show",
        "POST /api/v0/completions",
        "POST /beta/completions",
        "POST /completion",
        "POST /completions",
        "POST /detokenize",
        "POST /generate",
        "POST /infill",
        "POST /tokenize",
        "POST /v1/chat/completions",
        "POST /v1/completions",
        "POST /v1/events",
        "POST /v1/fim/completions",
        "POST /v1/health",
    ]
    public = sorted({r.path for each in load_dialects() for r in each.routes if r.is_public})
    assert public == ["/health", "/livez", "/readyz"]


@pytest.fixture(scope="module")
def completing() -> Completing:
    settings = Settings(project=False, engine_options={"slots": 4})
    return Completing(settings, 64, pytest.fail)


TEXT = "import os\n\n\ndef names(folder):\n    return sorted(os.listdir(folder))\n" * 8
REQUEST = CompletionRequest(prefix=TEXT + "def files(folder):\n    return sor", suffix="\n")


def test_one_person_never_learns_from_a_cache_what_another_has_written(
    completing: Completing,
) -> None:
    first = completing.complete(REQUEST, "ann", Event())
    again = completing.complete(REQUEST, "ann", Event())
    other = completing.complete(REQUEST, "ben", Event())
    assert first.read_tokens == first.prompt_tokens
    assert again.from_memory
    assert not other.from_memory
    assert other.read_tokens == other.prompt_tokens == first.prompt_tokens
    assert other.texts == first.texts


def test_a_persons_typing_reads_only_what_is_new(completing: Completing) -> None:
    completing.complete(REQUEST, "eve", Event())
    typed = CompletionRequest(prefix=REQUEST.prefix + "x(y, ", suffix="\n")
    assert completing.complete(typed, "eve", Event()).read_tokens < 20


def test_text_of_another_file_is_known_for_its_request_alone(completing: Completing) -> None:
    chunk = Chunk("frobnicate_quickly(zebra, giraffe)\n" * 4)
    prefix = "frobnicate_quickly(zeb"
    with_chunk = CompletionRequest(prefix=prefix, chunks=(chunk,), document="1")
    without = CompletionRequest(prefix=prefix, document="2")
    told = completing.complete(with_chunk, "joe", Event()).best.text
    assert told.startswith("ra, giraffe)")
    assert "giraffe" not in completing.complete(without, "joe", Event()).best.text


def test_a_warm_up_reads_the_prompt_so_that_the_request_need_not(completing: Completing) -> None:
    prefix = TEXT.replace("names", "other") + "def f(folder):\n    return sor"
    warm = CompletionRequest(prefix=prefix, max_tokens=0)
    assert completing.complete(warm, "kim", Event()).texts == ()
    found = completing.complete(CompletionRequest(prefix=prefix), "kim", Event())
    assert found.read_tokens < 10


def test_a_file_in_another_language_gets_nothing(completing: Completing) -> None:
    for path, language in (("a.js", ""), ("", "rust"), ("src\\a.GO", "python")):
        request = CompletionRequest(prefix=REQUEST.prefix, path=path, language=language)
        assert completing.complete(request, "lea", Event()).texts == ()


def test_as_many_texts_as_wanted_are_drawn_alike_by_the_same_seed(completing: Completing) -> None:
    request = CompletionRequest(
        prefix="def add(a, b):\n    return ", count=3, temperature=0.8, seed=5, min_probability=0.0
    )
    first, second = (completing.complete(request, "max", Event()).texts for _ in range(2))
    # What is read again is rounded otherwise than what a cache has: so is its likelihood.
    assert [text.tokens for text in first] == [text.tokens for text in second]
    for one, other in zip(first, second, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    assert len({text.text for text in first}) == len(first) > 1
