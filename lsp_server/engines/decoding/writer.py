"""Assembles a candidate's text from token bytes, and applies the stop rule."""

import math
from codecs import getincrementaldecoder
from collections.abc import Sequence

from lsp_server.engines import Candidate, Limits, StopReason

Utf8Decoder = getincrementaldecoder("utf-8")


class CandidateWriter:
    """Collects one completion: cuts the healed text off, joins split characters, applies limits."""

    def __init__(self, limits: Limits, heal: str = "") -> None:
        self.healing = heal.encode()
        """What must still be written before the text reaches the cursor."""
        self._limits = limits
        self._least = math.log(limits.min_probability) if limits.min_probability > 0 else -math.inf
        self._utf8 = Utf8Decoder(errors="strict")
        self._tokens: list[str] = []
        self._logprobs: list[float] = []
        self._total = 0.0
        self._unlikely: Candidate | None = None

    def add(self, piece: bytes, logprob: float) -> StopReason | None:
        """Append one token; a reason once the candidate is finished.

        A token's text is what it completes: the half of a character waits for its other half.
        """
        self._total += logprob
        fresh = piece[len(self.healing) :]
        if self._total < self._least:
            self._refuse(fresh.decode(errors="replace"))
            return StopReason.UNLIKELY
        self.healing = self.healing[len(piece) :]
        try:
            text = self._utf8.decode(fresh)
        except UnicodeDecodeError:
            return StopReason.BROKEN
        self._tokens.append(text)
        self._logprobs.append(logprob)
        return self._apply_rule() if text else None

    def fits(self, piece: bytes) -> bool:
        """Whether the candidate may go on with these bytes.

        That is asked where they begin or end a line: a line that has begun well stays well.
        """
        written = "".join(self._tokens)
        if b"\n" not in piece and written[written.rfind("\n") + 1 :].strip():
            return True
        return self._limits.fits(written + piece[len(self.healing) :].decode(errors="ignore"))

    def wants(self, drafted: bytes) -> bool:
        """Whether more is wanted after what was written and these bytes, heal included."""
        fresh = drafted[len(self.healing) :].decode(errors="ignore")
        return self._limits.stop("".join(self._tokens) + fresh) is None

    def finish(self, reason: StopReason) -> Candidate:
        """What was written."""
        return Candidate(tuple(self._tokens), tuple(self._logprobs), reason, self._unlikely)

    def _refuse(self, text: str) -> None:
        """Keep what the candidate would have begun with, for whoever asks why there is none."""
        begun = "".join(self._tokens)
        if text and not begun.strip():
            self._unlikely = Candidate((begun + text,), (self._total,), StopReason.UNLIKELY)

    def _apply_rule(self) -> StopReason | None:
        keep = self._limits.stop("".join(self._tokens))
        if keep is None:
            return None
        self._tokens = cut(self._tokens, keep)
        del self._logprobs[len(self._tokens) :]
        return StopReason.RULE


def cut(tokens: Sequence[str], characters: int) -> list[str]:
    """The first tokens that hold `characters` characters, the last of them shortened to fit."""
    kept: list[str] = []
    room = characters
    for text in tokens:
        if room <= 0:
            break
        kept.append(text[:room])
        room -= len(text)
    return kept
