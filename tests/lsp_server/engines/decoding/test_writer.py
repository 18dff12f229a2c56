"""Candidates in the making: characters joined, healed text cut, limits applied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.stopping import StopRule
from lsp_server.engines import Limits, StopReason
from lsp_server.engines.decoding.writer import CandidateWriter, cut


def writer_of(
    heal: str = "", stop: StopRule = lambda _: None, least: float = 0.0
) -> CandidateWriter:
    """A writer whose limits never apply unless said so."""
    return CandidateWriter(Limits(stop=stop, min_probability=least), heal)


@st.composite
def split_texts(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """A text, and its UTF-8 bytes cut anywhere."""
    text = draw(st.text(min_size=1, max_size=20))
    data = text.encode()
    cuts = sorted(draw(st.sets(st.integers(1, len(data)), max_size=8)) | {len(data)})
    return text, [data[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]


@given(split_texts())
def test_tokens_that_end_inside_a_character_give_the_whole_text_and_no_replacement(
    split: tuple[str, list[bytes]],
) -> None:
    text, pieces = split
    writer = writer_of()
    for piece in pieces:
        assert writer.add(piece, -0.5) is None
        written = writer.finish(StopReason.LENGTH).text
        assert text.startswith(written)
    candidate = writer.finish(StopReason.END)
    assert candidate.text == text
    assert len(candidate.tokens) == len(candidate.logprobs) == len(pieces)


@given(split_texts(), st.data())
def test_the_healed_start_is_cut_off_wherever_tokens_end(
    split: tuple[str, list[bytes]], data: st.DataObject
) -> None:
    text, pieces = split
    at = data.draw(st.integers(0, len(text)))
    writer = writer_of(heal=text[:at])
    for piece in pieces:
        writer.add(piece, 0.0)
    assert writer.healing == b""
    assert writer.finish(StopReason.END).text == text[at:]


def test_half_a_character_at_the_end_is_held_back() -> None:
    writer = writer_of()
    writer.add(b"a", -1.0)
    writer.add("é".encode()[:1], -1.0)
    candidate = writer.finish(StopReason.LENGTH)
    assert candidate.tokens == ("a", "")
    assert candidate.text == "a"


def test_bytes_that_are_no_text_end_the_candidate_before_them() -> None:
    writer = writer_of()
    writer.add(b"a", -1.0)
    assert writer.add(b"\xff", -1.0) is StopReason.BROKEN
    assert writer.finish(StopReason.BROKEN).text == "a"


def test_a_stop_rule_drops_what_follows_with_its_probabilities() -> None:
    writer = writer_of(stop=lambda text: text.find("\n") if "\n" in text else None)
    assert writer.add(b"re", -0.1) is None
    assert writer.add(b"turn\n\n", -0.2) is StopReason.RULE
    candidate = writer.finish(StopReason.RULE)
    assert candidate.tokens == ("re", "turn")
    assert candidate.logprobs == (-0.1, -0.2)


def test_a_stop_rule_does_not_see_the_healed_text() -> None:
    seen: list[str] = []
    writer = writer_of(heal="imp", stop=lambda text: seen.append(text))
    writer.add(b"im", 0.0)
    writer.add(b"port", 0.0)
    assert seen == ["ort"]


@pytest.mark.parametrize(("least", "reason"), [(0.25, StopReason.UNLIKELY), (0.24, None)])
def test_the_probability_of_all_tokens_counts(least: float, reason: StopReason | None) -> None:
    writer = writer_of(least=least)
    assert writer.add(b"a", -0.7) is None
    assert writer.add(b"b", -0.7) is reason


@given(st.lists(st.text(max_size=4), max_size=6), st.integers(0, 30))
def test_cut_keeps_so_many_characters_and_no_token_beyond_them(
    tokens: list[str], characters: int
) -> None:
    kept = cut(tokens, characters)
    assert "".join(kept) == "".join(tokens)[:characters]
    assert len(kept) <= len(tokens)
    assert not kept or "".join(kept[:-1]) != "".join(tokens)[:characters] or kept[-1] == ""


@pytest.mark.parametrize(
    ("heal", "pieces", "unlikely"),
    [
        ("", [(b"os", -1.0)], "os"),
        ("imp", [(b"imp", -0.1), (b"ort", -1.0)], "ort"),
        ("imp", [(b"import", -1.0)], "ort"),
        ("", [(b"\xe6", -1.0)], "\ufffd"),
        ("", [(b"  ", -0.1), (b"os", -1.0)], "  os"),
        ("", [(b"os", -0.1), (b".path", -1.0)], None),
        ("", [(b"os", -0.1)], None),
    ],
)
def test_a_candidate_that_never_began_tells_what_it_would_have_begun_with(
    heal: str, pieces: list[tuple[bytes, float]], unlikely: str | None
) -> None:
    writer = writer_of(heal, least=0.5)
    reasons = [writer.add(piece, logprob) for piece, logprob in pieces]
    found = writer.finish(reasons[-1] or StopReason.END).unlikely
    assert (found and found.text) == unlikely
    if found:
        assert sum(found.logprobs) == sum(logprob for _, logprob in pieces)
