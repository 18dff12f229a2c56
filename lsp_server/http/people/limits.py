"""How much one person may ask: a token bucket, and a number of requests at a time."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lsp_server.http.refusal import Refusal

PEOPLE = 10_000
"""Of whom the use is remembered; who has not asked for longest is forgotten first."""


@dataclass(slots=True)
class Use:
    """What one person uses."""

    tokens: float
    at: float
    """When `tokens` was true, in seconds."""
    running: int = 0


class Limits:
    """Counts everybody's requests; `clock` gives seconds."""

    def __init__(
        self, concurrency: int, rate: float, burst: int, clock: Callable[[], float]
    ) -> None:
        self._concurrency = concurrency
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._uses: OrderedDict[str, Use] = OrderedDict()

    @contextmanager
    def admit(self, owner: str) -> Iterator[None]:
        """Let a request in while it lasts; Refusal 429 where its person asks too much."""
        use = self._use(owner)
        if use.running >= self._concurrency:
            raise Refusal(429, f"more than {self._concurrency} requests at a time", retry_after=1)
        if use.tokens < 1:
            wait = (1 - use.tokens) / self._rate
            raise Refusal(429, f"more than {self._rate:g} requests a second", retry_after=wait)
        use.tokens -= 1
        use.running += 1
        try:
            yield
        finally:
            use.running -= 1

    def _use(self, owner: str) -> Use:
        now = self._clock()
        use = self._uses.get(owner)
        if use is None:
            use = self._uses[owner] = Use(float(self._burst), now)
            self._forget_oldest()
        self._uses.move_to_end(owner)
        use.tokens = min(self._burst, use.tokens + (now - use.at) * self._rate)
        use.at = now
        return use

    def _forget_oldest(self) -> None:
        if len(self._uses) > PEOPLE:
            name, oldest = next(iter(self._uses.items()))
            if not oldest.running:
                del self._uses[name]
