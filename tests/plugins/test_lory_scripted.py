"""The scripted engine: a real engine whose answers a test decides."""

import json
import threading
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.prompt import Budget, build
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.errors import EngineError
from tests.plugins.lory_scripted import ScriptedEngine, create

LIMITS = Limits(stop=lambda _: None)


def engine_of(small_bundle: Path, tmp_path: Path, rules: list[dict[str, Any]]) -> ScriptedEngine:
    """An engine with these rules, which logs beside its script."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps(rules))
    log = str(tmp_path / "log.jsonl")
    return create(load(small_bundle), threads=1, script=str(script), log=log)


def ask(
    engine: ScriptedEngine, tokenizer: Tokenizer, prefix: str, limits: Limits = LIMITS
) -> list[Candidate]:
    """Candidates after `prefix`."""
    prompt = build(tokenizer, "a/b.py", prefix, "\nend()\n", Budget(context=256, suffix=64))
    return engine.complete(prompt, limits, Event())


def test_the_first_rule_that_fits_the_text_before_the_cursor_answers(
    small_bundle: Path, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    rules: list[dict[str, Any]] = [
        {"after": "import o", "completion": "s.path", "logprob": -0.6},
        {"after": "import ", "completion": "sys"},
    ]
    engine = engine_of(small_bundle, tmp_path, rules)
    (candidate,) = ask(engine, small_tokenizer, "import o")
    assert candidate.text == "s.path"
    assert sum(candidate.logprobs) == pytest.approx(-0.6)
    assert candidate.stop is StopReason.END
    assert ask(engine, small_tokenizer, "import ")[0].text == "sys"
    assert ask(engine, small_tokenizer, "x") == []


def test_requests_are_logged_as_the_text_they_were_made_of(
    small_bundle: Path, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    engine = engine_of(small_bundle, tmp_path, [])
    ask(engine, small_tokenizer, "näme = [\n    fir")
    logged = json.loads((tmp_path / "log.jsonl").read_text())
    assert logged == {"path": "a/b.py", "prefix": "näme = [\n    fir", "suffix": "\nend()\n"}


def test_limits_count_as_for_a_model(
    small_bundle: Path, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    rules = [{"after": "", "completion": "one two three\nfour", "logprob": -7.0}]
    engine = engine_of(small_bundle, tmp_path, rules)

    def stop(text: str) -> int | None:
        return text.find("\n") if "\n" in text else None

    (line,) = ask(engine, small_tokenizer, "x", Limits(stop=stop))
    assert (line.text, line.stop) == ("one two three", StopReason.RULE)
    (short,) = ask(engine, small_tokenizer, "x", Limits(stop=stop, max_tokens=3))
    assert (short.text, short.stop) == ("one two", StopReason.LENGTH)
    (likely,) = ask(engine, small_tokenizer, "x", Limits(stop=stop, min_probability=0.1))
    assert (likely.text, likely.stop) == ("one ", StopReason.UNLIKELY)


def test_cancelling_ends_the_delay(
    small_bundle: Path, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    rules = [{"after": "", "completion": "late", "delay_ms": 60_000}]
    engine = engine_of(small_bundle, tmp_path, rules)
    cancelled = Event()
    threading.Timer(0.05, cancelled.set).start()
    started = time.monotonic()
    prompt = build(small_tokenizer, "", "x", "", Budget(context=256, suffix=64))
    (candidate,) = engine.complete(prompt, LIMITS, cancelled)
    assert candidate == Candidate((), (), StopReason.CANCELLED)
    assert time.monotonic() - started < 30


def test_a_rule_can_fail(small_bundle: Path, small_tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(small_bundle, tmp_path, [{"after": "", "error": "out of memory"}])
    with pytest.raises(EngineError, match="out of memory"):
        ask(engine, small_tokenizer, "x")


@pytest.mark.parametrize("script", ["{", '[{"before": ""}]', '[{"after": 3}]'])
def test_a_script_that_is_none_is_one_error(
    script: str, small_bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "script.json"
    path.write_text(script)
    with pytest.raises(EngineError, match="expected a list of rules"):
        create(load(small_bundle), threads=1, script=str(path))


def test_a_rule_waits_for_its_file_and_no_longer(
    small_bundle: Path, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    engine = engine_of(
        small_bundle, tmp_path, [{"after": "", "completion": "x", "until": str(gate)}]
    )
    prompt = build(small_tokenizer, "", "x", "", Budget(context=256, suffix=64))
    cancelled = Event()
    cancelled.set()
    (candidate,) = engine.complete(prompt, LIMITS, cancelled)
    assert candidate.stop is StopReason.CANCELLED
    threading.Timer(0.05, gate.touch).start()
    (candidate,) = engine.complete(prompt, LIMITS, Event())
    assert (candidate.text, gate.exists()) == ("x", True)
