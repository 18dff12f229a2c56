"""A process in which rewards run, so that one that hangs or crashes costs only itself."""

import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from trainer.alignment.rewards.protocol import GROUP, BatchReward, Completion, Reward
from trainer.errors import RewardError

END_SECONDS = 5.0
START_SECONDS = 120.0
"""For a process to start and import the plugins, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a worker builds a part of the reward from."""

    part: str
    plugin: str
    options: Mapping[str, Any]

    def build(self) -> Reward | BatchReward:
        """The reward; RewardError where there is no such plugin, or it has other options."""
        reward: Reward | BatchReward = GROUP.build(self.plugin, self.options)
        return reward


@dataclass(frozen=True, slots=True)
class Task:
    """One completion, and the parts that are asked about it, by number, one after the other."""

    completion: Completion
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RewardValue:
    """What one part says; `reason` is empty where `value` is a finite number."""

    value: float
    reason: str = ""


def reward_value(value: object) -> RewardValue:
    """A reward's value, if it is a finite number."""
    if isinstance(value, bool | int | float) or hasattr(value, "__float__"):
        with suppress(TypeError, ValueError, OverflowError):
            number = float(value)  # numpy's and torch's scalars too
            return (
                RewardValue(number) if math.isfinite(number) else RewardValue(0.0, f"gave {number}")
            )
    return RewardValue(0.0, f"gave {type(value).__name__}, no number")


def describe(error: BaseException) -> str:
    """An error as a reason: its type, and the first line of what it says."""
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said}"[:200] if said else type(error).__name__


def ask(reward: Reward, completion: Completion) -> RewardValue:
    """What one reward says of one completion; nothing that it raises gets out."""
    try:
        return reward_value(reward(completion))
    except Exception as error:  # a plugin may raise anything
        return RewardValue(0.0, f"raised {describe(error)}")


def serve(pipe: Connection, recipes: Sequence[Recipe]) -> None:
    """Answer tasks until the pipe closes: first "" or why a plugin could not be built."""
    os.setsid()  # away from the terminal's signals; what a plugin starts ends with the process
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        rewards: list[Any] = [recipe.build() for recipe in recipes]
    except Exception as error:  # a plugin may raise anything
        pipe.send(describe(error))
        return
    pipe.send("")
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task: Task = pipe.recv()
            for part in task.parts:
                pipe.send(ask(rewards[part], task.completion))


class WorkerEnded(RewardError):
    """A worker will answer no more; its message is the reason."""


class Worker:
    """One such process, as its parent sees it."""

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        context = get_context("spawn")  # this process has threads, which a fork would not carry
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, recipes), daemon=True)
        self._process.start()
        theirs.close()
        self._seconds = START_SECONDS
        self.deadline = time.monotonic() + START_SECONDS
        self.ready = False
        self.row = -1
        """Number of the completion that it is asked about."""
        self.left: tuple[int, ...] = ()
        """Parts that it has not answered yet; none where it waits for a task."""

    def give(self, row: int, task: Task, seconds: float) -> None:
        """Hand it a task, with `seconds` for each part of it."""
        self.row, self.left, self._seconds = row, task.parts, seconds
        self.deadline = time.monotonic() + seconds
        with suppress(BrokenPipeError, ConnectionResetError):  # noticed where answers are read
            self.pipe.send(task)

    def read(self) -> RewardValue | None:
        """The answer of the first of the parts that are left; None where it is ready now.

        Raises WorkerEnded where it is late, gone, or could not build a plugin.
        """
        try:
            said: RewardValue | str | None = self.pipe.recv() if self.pipe.poll() else None
        except (EOFError, OSError):
            raise WorkerEnded(self._describe_end()) from None
        if said is None:
            raise WorkerEnded(f"took longer than {self._seconds:g} s")
        if isinstance(said, str):
            if said:
                raise WorkerEnded(f"raised {said}")
            self.ready = True
            return None
        self.left = self.left[1:]
        self.deadline = time.monotonic() + self._seconds
        return said

    def _describe_end(self) -> str:
        """How a process ended that closed its pipe, as a reason."""
        self._process.join(END_SECONDS)
        status = self._process.exitcode
        if status is None:
            return "closed its pipe"
        return f"ended its process ({f'signal {-status}' if status < 0 else f'status {status}'})"

    def end(self) -> None:
        """Kill the process and all that it started."""
        if pid := self._process.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        self._process.kill()  # where it had no group of its own yet
        self._process.join()
        self._process.close()
        self.pipe.close()
