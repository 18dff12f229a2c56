"""Keeps the key-value caches of recent prompts, so that only new tokens are computed.

Each slot of the decoder holds the tokens of one prompt. A prompt goes to the slot that shares the
longest start with it; one that shares little takes the slot that was not used for longest, so that
going to and fro between documents keeps the caches of both. A prompt shares with those of its own
owner only: how fast an answer comes would tell what another person has written.

Shapes: T positions whose logits are wanted, V vocabulary.
"""

from collections.abc import Sequence
from threading import Event
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PREFILL_TOKENS = 64
"""Tokens between two looks at `cancelled` while a prompt is read; larger chunks are no faster."""

WORTH_KEEPING = 64
"""Tokens that a slot must share with a prompt to be used for it while another slot is free or old;
less is read again within one chunk."""


FEW_TOKENS = 16
"""Calls of up to as many tokens round alike, whatever else is in them: a graph may take another way
for longer ones, see `trainer/export/graph/int8_branches.py`."""


class Decoder(Protocol):
    """What gives logits, such as one graph in onnxruntime."""

    @property
    def context(self) -> int:
        """Tokens that a slot takes."""
        ...

    def forward(
        self, ids: Sequence[int], past: int, wanted: int = 1, slot: int = 0
    ) -> NDArray[np.float32]:
        """Logits [T, V] of the last `wanted` of `ids`, which follow `past` cached ones of a slot.

        The array may be overwritten by the next call, and belongs to the caller until then.
        """
        ...

    def forget(self) -> None:
        """Keep nothing of any prompt."""
        ...


class PromptCache:
    """Slots with the ids that they hold; one is active, and is read and written."""

    def __init__(self, decoder: Decoder, slots: int) -> None:
        self.decoder = decoder
        self.last_prefill = 0
        """Tokens of the last prompt that had to be read."""
        self._slots: list[list[int]] = [[] for _ in range(slots)]
        self._owners = [""] * slots
        """Whose prompt each slot holds."""
        self._order = list(range(slots))
        """Slot numbers, the one used longest ago first; the last one is active."""

    @property
    def ids(self) -> list[int]:
        """What the active slot holds."""
        return self._slots[self._order[-1]]

    @property
    def room(self) -> int:
        """Tokens that the active slot still takes."""
        return self.decoder.context - len(self.ids)

    def activate(self, ids: Sequence[int], owner: str = "") -> int:
        """Turn to the slot that suits a prompt best; gives how many of its tokens must be read."""
        start = min(self._choose_slot(ids, owner), len(ids) - 1)
        self.rewind(start)
        self.last_prefill = len(ids) - start
        return self.last_prefill

    def prefill(
        self, ids: Sequence[int], draft: Sequence[int], cancelled: Event
    ) -> NDArray[np.float32] | None:
        """Logits [T, V] after `ids` and after each token of `draft`; None where it was cancelled.

        `activate` has been called with the same ids.
        """
        while (left := len(ids) - len(self.ids)) > PREFILL_TOKENS:
            if cancelled.is_set():
                return None
            self.feed(ids[len(self.ids) :][: min(PREFILL_TOKENS, left - 1)])
        if cancelled.is_set():
            return None
        return self.feed([*ids[len(self.ids) :], *draft], len(draft) + 1)

    def feed(self, ids: Sequence[int], wanted: int = 1) -> NDArray[np.float32]:
        """Logits [T, V] after the last `wanted` of `ids`, which join the active slot.

        The array is overwritten by a later call.
        """
        logits_TV = self.decoder.forward(ids, len(self.ids), wanted, self._order[-1])
        self.ids.extend(ids)
        return logits_TV

    def read(self, ids: Sequence[int], owner: str, cancelled: Event, step: int) -> None:
        """Cache a prompt but for its last token, `step` tokens at a time until it is cancelled."""
        if not cancelled.is_set():
            self.activate(ids, owner)
        while (left := len(ids) - 1 - len(self.ids)) > 0 and not cancelled.is_set():
            self.feed(ids[len(self.ids) :][: min(step, left)])

    def forget(self) -> None:
        """Keep nothing of any prompt."""
        self._slots = [[] for _ in self._slots]
        self.decoder.forget()

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` tokens of the active slot."""
        del self.ids[length:]

    def unread(self, ids: Sequence[int], owner: str) -> int:
        """How many tokens of an owner's prompt no slot holds."""
        return len(ids) - min(max(self._shared(ids, owner).values()), len(ids) - 1)

    def _shared(self, ids: Sequence[int], owner: str) -> dict[int, int]:
        """How many tokens of an owner's prompt each slot holds."""
        return {
            slot: shared_tokens(self._slots[slot], ids) if self._owners[slot] == owner else 0
            for slot in self._order
        }

    def _choose_slot(self, ids: Sequence[int], owner: str) -> int:
        """Choose a slot for an owner's prompt; gives how many tokens it already holds of it."""
        shared = self._shared(ids, owner)
        best = max(reversed(self._order), key=lambda slot: shared[slot])
        if shared[best] < min(WORTH_KEEPING, len(ids) // 2):
            best = self._order[0]
        self._order.remove(best)
        self._order.append(best)
        self._owners[best] = owner
        return shared[best]


def shared_tokens(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the longest start that both have."""
    pairs = enumerate(zip(left, right, strict=False))
    shorter = min(len(left), len(right))
    return next((at for at, (first, second) in pairs if first != second), shorter)
