"""The processes of one distributed command: which one leads, and which wait.

The first process does alone what only one may do, and tells the others when it is done. They talk
through the launcher's store, so that no process holds an accelerator while it waits.
"""

import os
import time
from datetime import timedelta
from typing import Any

POLL_SECONDS = 0.2

LONGEST_WAIT = timedelta(days=7)
"""For another process in the midst of training: an evaluation of one may take hours."""


def process_rank() -> int:
    """Rank of this process under torchrun or accelerate; 0 alone."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """Processes of this command; 1 alone."""
    return int(os.environ.get("WORLD_SIZE", "1"))


class Team:
    """All processes of a command, seen from one of them; every one makes the same calls."""

    def __init__(self, rank: int = 0, size: int = 1, store: Any = None) -> None:
        """`store`: what the processes share, with `set`, `get` and `check` of keys."""
        self.rank, self.size, self._store = rank, size, store
        # A launcher that starts all processes anew keeps what they said before.
        self._prefix = f"lory/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
        self._calls = 0

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def hear(self, word: str) -> str:
        """The first process's word; the others wait until it has come here, and give any."""
        self._calls += 1
        if self.size == 1:
            return word
        key = f"{self._prefix}/word/{self._calls}"
        if self.leads:
            self._store.set(key, word)
            return word
        self._wait_for(key)
        heard: bytes = self._store.get(key)
        return heard.decode()

    def gather(self) -> None:
        """The first process waits until all have come here; the others go on."""
        self._calls += 1
        key = f"{self._prefix}/here/{self._calls}"
        if not self.leads:
            self._store.set(f"{key}/{self.rank}", "")
            return
        for rank in range(1, self.size):
            self._wait_for(f"{key}/{rank}")

    def _wait_for(self, key: str) -> None:
        while not self._store.check([key]):
            time.sleep(POLL_SECONDS)  # not in the store's own wait, which Ctrl-C would not end


ALONE = Team()


def join_team() -> Team:
    """The processes that this one was started with."""
    if process_count() == 1:
        return ALONE
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://", timeout=LONGEST_WAIT))
    return Team(rank, size, store)


def leave_team(team: Team) -> None:
    """End what the processes have between them; the first one, whose store it may be, goes last."""
    if team.size == 1:
        return
    import torch

    team.gather()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def open_accelerator() -> Any:
    """accelerate's Accelerator for a stage, as if no stage before had one in this process.

    The process group stays as it is from stage to stage: it cannot be opened twice.
    """
    import torch
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState
    from accelerate.utils import InitProcessGroupKwargs

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    return Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision="no",
        kwargs_handlers=[InitProcessGroupKwargs(timeout=LONGEST_WAIT)],
    )
