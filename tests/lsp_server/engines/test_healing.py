"""Token healing: a word typed halfway is taken back and completed as whole tokens."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Prompt, Sentinel, encode, spm
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.onnx import OnnxEngine
from lsp_server.engines.vocabulary import read_vocabulary

LIMITS = Limits(max_tokens=12, stop=lambda _: None)


def prompt_of(tokenizer: Tokenizer, prefix: str, heal: str) -> Prompt:
    """A served prompt that leaves `heal` to the completion."""
    return Prompt(tuple(spm([], encode(tokenizer, prefix), [])), heal)


def constrained_greedy(
    decoder: OnnxDecoder, pieces: tuple[bytes, ...], prompt: Prompt, steps: int
) -> bytes:
    """Bytes of the greedy continuation that begins with the text to heal, every token tried."""
    ids, written = list(prompt.ids), b""
    for _ in range(steps):
        logits_V = decoder.forward(ids, 0).reshape(-1)
        rest = prompt.heal.encode()[len(written) :]
        allowed = [
            token
            for token, piece in enumerate(pieces)
            if (piece or token == Sentinel.END and not rest)
            and (piece.startswith(rest) or rest.startswith(piece))
        ]
        token = max(allowed, key=lambda token: float(logits_V[token]))
        if token == Sentinel.END:
            break
        ids.append(token)
        written += pieces[token]
    return written


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_healed_text_and_candidate_are_the_constrained_greedy_continuation(
    graphs: Callable[[str, str], Path],
    engine: OnnxEngine,
    small_tokenizer: Tokenizer,
    small_corpus: list[str],
    data: st.DataObject,
) -> None:
    text = small_corpus[data.draw(st.integers(0, 2))]
    at = data.draw(st.integers(60, len(text)))
    length = data.draw(st.integers(0, 6))
    heal = text[at - length : at] if data.draw(st.booleans()) else data.draw(st.text(max_size=4))
    prompt = prompt_of(small_tokenizer, text[at - 60 : at - length], heal)
    decoder = OnnxDecoder(open_session(graphs("llama", "fp32"), threads=1))
    pieces = read_vocabulary(small_tokenizer).pieces
    expected = constrained_greedy(decoder, pieces, prompt, LIMITS.max_tokens)
    (candidate,) = engine.complete(prompt, LIMITS, Event())
    written = (heal + candidate.text).encode()
    assert expected.startswith(written) or written.startswith(expected)
    if len(expected) > len(heal.encode()):
        assert expected.decode(errors="ignore") == heal + candidate.text


def test_typed_text_that_leaves_no_choice_costs_no_probability(
    engine: OnnxEngine, small_tokenizer: Tokenizer
) -> None:
    pieces = read_vocabulary(small_tokenizer).pieces
    assert sum(piece.startswith(b"\x00") for piece in pieces) == 1
    prompt = prompt_of(small_tokenizer, "import os\n", heal="\x00")
    (candidate,) = engine.complete(prompt, replace(LIMITS, max_tokens=1), Event())
    assert candidate == Candidate(("",), (0.0,), StopReason.LENGTH)
