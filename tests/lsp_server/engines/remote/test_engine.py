"""The engine `remote` beside services that do as they should, and others."""

import math
from collections.abc import Callable, Sequence
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.contract.prompt import Budget, Parts, Prompt, assemble, encode, load_tokenizer
from lsp_server.engines import Candidate, Engine, Limits, StopReason, TellsItself
from lsp_server.engines.mixture import read_weights
from lsp_server.engines.remote.entry import create
from lsp_server.errors import EngineError
from lsp_server.project.recall import ProjectRecall
from tests.small_service import Handler, Service, as_llama_cpp, as_text, small_service

PREFIX = "import os\n\n\nhere = os."
PATIENCE_MS = 20_000
"""The machine may have other work."""


def one_line(text: str) -> int | None:
    return text.find("\n") if "\n" in text else None


LIMITS = Limits(stop=one_line, max_tokens=12)


def prompt_of(bundle: Bundle, prefix: str = PREFIX) -> Prompt:
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    return assemble(
        tokenizer, Parts(path="a.py", prefix=prefix, suffix="\nprint(here)\n"), Budget()
    )


def engine_of(bundle: Bundle, service: Service, **options: Any) -> Engine:
    told = {
        "api": "llama.cpp",
        "prompt": "plain",
        "patience_ms": PATIENCE_MS,
        "seconds": 60.0,
        **options,
    }
    return create(bundle, 1, url=service.url, **told)


def title_of(engine: Engine) -> str:
    assert isinstance(engine, TellsItself)
    return engine.title


def ask(engine: Engine, bundle: Bundle, limits: Limits = LIMITS) -> list[Candidate]:
    return engine.complete(prompt_of(bundle), limits, Event())


def test_a_services_tokens_come_with_their_probabilities_up_to_the_stop_rule(
    default_bundle: Bundle,
) -> None:
    with small_service(as_llama_cpp()) as service:
        engine = engine_of(default_bundle, service)
        (found,) = ask(engine, default_bundle)
    assert found == Candidate(("get", "cwd", "()"), (-0.1, -0.05, -0.02), StopReason.RULE)
    assert found.rated
    assert service.asked[0]["prompt"] == PREFIX
    assert title_of(engine) == f"llama.cpp at {service.url}: text leaves this process"


def test_without_probabilities_that_is_said(default_bundle: Bundle) -> None:
    with small_service(as_text('{"content": "getcwd()", "stop": true}')) as service:
        engine = engine_of(default_bundle, service)
        (found,) = ask(engine, default_bundle)
    assert (found.text, found.rated) == ("getcwd()", False)
    assert "no probabilities" in title_of(engine)


def test_alternatives_turn_off_where_another_token_was_likeliest(default_bundle: Bundle) -> None:
    tops = [[("get", -0.7), ("path", -0.8)], [("cwd", -0.05), ("env", -3.0)]]
    with small_service(as_llama_cpp(tops=tops)) as service:
        engine = engine_of(default_bundle, service)
        found = ask(engine, default_bundle, Limits(stop=one_line, max_tokens=12, alternatives=2))
    assert [item.tokens[0] for item in found] == ["get", "path"]
    assert service.asked[1]["prompt"] == f"{PREFIX}path"


def hang(handler: Handler) -> None:
    handler.begin()
    for _ in range(3000):
        handler.send("\n")
        sleep(0.01)


def stream_for_ever(handler: Handler) -> None:
    handler.begin()
    while True:
        handler.send('data: {"content": "a", "stop": false}\n\n')


def flood(handler: Handler) -> None:
    handler.begin()
    for _ in range(100):
        handler.send("x" * 100_000)


def redirect(handler: Handler) -> None:
    handler.begin(307, Location="http://127.0.0.1:9/elsewhere")


def want_key(handler: Handler) -> None:
    handler.begin(401)
    handler.send("who are you?")


HOSTILE: dict[str, tuple[Callable[[Handler], None], str]] = {
    "hangs": (hang, "no more within"),
    "lies about JSON": (as_text("data: {oops\n\n"), "no JSON"),
    "nests without end": (as_text("data: " + "[" * 100_000 + "\n\n"), "no JSON"),
    "floods": (flood, "more than"),
    "redirects": (redirect, "redirect"),
    "wants a key": (want_key, "LORY_REMOTE_KEY"),
    "is another model": (as_llama_cpp((), model="other"), "an answer by the model 'other'"),
    "says an error": (as_text('data: {"error": {"message": "no\\nway"}}\n\n'), "no way"),
}


@pytest.mark.parametrize(("answer", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_of_a_bad_service_one_line_is_told_and_the_bundle_completes(
    answer: Callable[[Handler], None], said: str, default_bundle: Bundle
) -> None:
    with small_service(answer) as service:
        patience = 150 if answer is hang else PATIENCE_MS
        engine = engine_of(default_bundle, service, model="wanted", patience_ms=patience)
        (found,) = ask(engine, default_bundle)
        assert found.text
        title = title_of(engine)
        assert said in title
        assert "lory-6m" in title
        assert "\n" not in title


def test_one_that_streams_for_ever_is_left_at_the_token_limit(default_bundle: Bundle) -> None:
    with small_service(stream_for_ever) as service:
        engine = engine_of(default_bundle, service)
        (found,) = ask(engine, default_bundle)
        assert (found.text, found.stop) == ("a" * 12, StopReason.LENGTH)
        assert service.hung_up.wait(20)


def test_cancelling_hangs_up(default_bundle: Bundle) -> None:
    with small_service(hang) as service:
        engine = engine_of(default_bundle, service)
        cancelled = Event()

        def cancel_once_asked(handler: Handler) -> None:
            cancelled.set()
            hang(handler)

        service.answer = cancel_once_asked
        (found,) = engine.complete(prompt_of(default_bundle), LIMITS, cancelled)
        assert found.stop is StopReason.CANCELLED
        assert service.hung_up.wait(20)
    assert "gone" not in title_of(engine)


def test_a_service_that_is_gone_is_asked_again_and_found(default_bundle: Bundle) -> None:
    with small_service(as_llama_cpp()) as service:
        engine = engine_of(default_bundle, service)
        ask(engine, default_bundle)
    port = int(service.url.rsplit(":", 1)[1])
    ask(engine, default_bundle)
    assert "gone" in title_of(engine)
    with small_service(as_llama_cpp(), port):
        deadline = monotonic() + 30
        while "gone" in title_of(engine) and monotonic() < deadline:
            ask(engine, default_bundle)
            sleep(0.05)
    assert title_of(engine).endswith("text leaves this process")


def test_a_bundle_that_is_not_to_stand_in_does_not(default_bundle: Bundle) -> None:
    with small_service(want_key) as service:
        engine = engine_of(default_bundle, service, stand_in=False)
        with pytest.raises(EngineError, match="LORY_REMOTE_KEY"):
            ask(engine, default_bundle)


def test_a_key_is_sent_as_a_bearers(
    default_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_service(as_llama_cpp()) as service:
        monkeypatch.setenv("LORY_REMOTE_URL", service.url)
        monkeypatch.setenv("LORY_REMOTE_KEY", "lory-abc")
        ask(engine_of(default_bundle, service), default_bundle)
    assert service.asked[0]["_"]["authorization"] == "Bearer lory-abc"


def test_the_project_has_its_say_in_a_services_tokens(default_bundle: Bundle) -> None:
    """Where the project always goes on with another of the likeliest tokens, that is asked for."""
    tokenizer = load_tokenizer(default_bundle.tokenizer_path)
    known = encode(tokenizer, "here = os.cpu_count()\n" * 20)
    prompt = prompt_of(default_bundle)
    before = encode(tokenizer, PREFIX.removesuffix(prompt.heal))
    recall = ProjectRecall([*known, *before], [], None)
    mixed = Limits(stop=one_line, max_tokens=12, mixture=read_weights(default_bundle.mixture_path))
    tokens, tops = [("get", -0.7), ("\n", -0.1)], [[("get", -0.7), ("cpu", -0.75)]]

    def write(**given: Any) -> tuple[Sequence[str], float]:
        with small_service(as_llama_cpp(tokens, tops)) as service:
            engine = engine_of(default_bundle, service)
            asked = Prompt(prompt.ids, prompt.heal, parts=prompt.parts, **given)
            (found,) = engine.complete(asked, mixed, Event())
        return [request["prompt"] for request in service.asked], found.logprobs[0]

    alone, logprob = write()
    assert (alone, logprob) == ([PREFIX], -0.7)
    asked, logprob = write(recall=recall)
    assert asked[:2] == [PREFIX, f"{PREFIX}cpu"]
    assert logprob > math.log(0.6)
