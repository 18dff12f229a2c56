"""Asks all rewards in parallel processes, and adds up their weighted values.

Each reward is asked in worker processes, one completion at a time, so that one that raises or hangs
costs its own number and no more; a BatchReward is asked here. A completion for which a part has no
number has no score.
"""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Self

from trainer.alignment.config import RewardSpec
from trainer.alignment.rewards.protocol import BatchReward, Completion, Scores, Skips
from trainer.alignment.rewards.worker import (
    Recipe,
    RewardValue,
    Task,
    Worker,
    WorkerEnded,
    describe,
    reward_value,
)
from trainer.errors import RewardError

Answers = Mapping[str, Sequence[RewardValue | None]]
"""Of each part, what it says of each completion; None where it is still to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How far rewards are trusted."""

    workers: int = 2
    call_seconds: float = 10.0
    """For one reward and one completion; the process is then killed and replaced."""
    skipped_share: float = 0.25
    """More completions without a score than this share of an iteration are a RewardError."""


class RewardPool:
    """Call it with completions to get their Scores; a context manager, which ends its processes.

    Raises RewardError for an unknown plugin or option, and for no part at all.
    """

    def __init__(self, specs: Sequence[RewardSpec], limits: PoolLimits) -> None:
        if not specs:
            raise RewardError("expected one reward or more, found none; add one to ppo.rewards")
        self._limits = limits
        self._weights = {name: spec.weight for name, spec in name_parts(specs).items()}
        recipes = [Recipe(name, s.plugin, s.options) for name, s in name_parts(specs).items()]
        built = {recipe.part: recipe.build() for recipe in recipes}
        self._batched = {
            p: reward for p, reward in built.items() if isinstance(reward, BatchReward)
        }
        self._recipes = [recipe for recipe in recipes if recipe.part not in self._batched]
        self._workers: list[Worker] = []

    def __call__(self, completions: Sequence[Completion]) -> Scores:
        """What the completions are worth; RewardError where too many of them have no score."""
        answers: dict[str, list[RewardValue | None]] = {part: [] for part in self._weights}
        for part, reward in self._batched.items():
            answers[part] = [*score_batch(reward, completions)]
            self._check(answers, len(completions))
        for recipe in self._recipes:
            answers[recipe.part] = [None] * len(completions)
        if self._recipes:
            try:
                self._ask_workers(completions, answers)
            except BaseException:
                self.close()  # workers that still work on this iteration would answer in the next
                raise
        return combine(answers, self._weights)

    def _ask_workers(
        self, completions: Sequence[Completion], answers: dict[str, list[RewardValue | None]]
    ) -> None:
        """Fill in what the parts say that are asked in workers, once for completions alike."""
        every = tuple(range(len(self._recipes)))
        alike: dict[Completion, list[int]] = {}
        for row, completion in enumerate(completions):
            alike.setdefault(completion, []).append(row)
        tasks = deque((rows[0], Task(completion, every)) for completion, rows in alike.items())
        while tasks or any(worker.left for worker in self._workers):
            self._hand_out(tasks)
            for worker in self._await_answers():
                parts = worker.left
                answer = self._read(worker)
                if answer is None:
                    continue
                for row in alike[completions[worker.row]]:
                    answers[self._recipes[parts[0]].part][row] = answer
                if answer.reason:
                    self._check(answers, len(completions))
                if worker not in self._workers and parts[1:]:
                    tasks.appendleft((worker.row, Task(completions[worker.row], parts[1:])))

    def _hand_out(self, tasks: deque[tuple[int, Task]]) -> None:
        """Give tasks to workers that wait, after starting those that are missing."""
        busy = sum(bool(worker.left) for worker in self._workers)
        wanted = min(self._limits.workers, busy + len(tasks))
        while len(self._workers) < wanted:
            self._workers.append(Worker(self._recipes))
        for worker in self._workers:
            if worker.ready and not worker.left and tasks:
                worker.give(*tasks.popleft(), self._limits.call_seconds)

    def _await_answers(self) -> list[Worker]:
        """Workers that have said something or should have by now."""
        asked = [worker for worker in self._workers if worker.left or not worker.ready]
        left = min(worker.deadline for worker in asked) - time.monotonic()
        spoke = wait([worker.pipe for worker in asked], max(0.0, left))
        now = time.monotonic()
        return [worker for worker in asked if worker.pipe in spoke or worker.deadline <= now]

    def _read(self, worker: Worker) -> RewardValue | None:
        """A worker's answer, or why there is none, and then without it; None where it is ready."""
        try:
            return worker.read()
        except WorkerEnded as ended:
            self._workers.remove(worker)
            worker.end()
            if not worker.ready:
                raise RewardError(f"a worker for rewards {ended} as it started") from ended
            return RewardValue(0.0, str(ended))

    def _check(self, answers: Answers, completions: int) -> None:
        """Raise RewardError where more completions have no score than are allowed."""
        failed = {row for said in answers.values() for row, a in enumerate(said) if a and a.reason}
        if len(failed) <= self._limits.skipped_share * completions:
            return
        worst = count_skips(answers)[0]
        raise RewardError(
            f"reward {worst.part}: expected at most {self._limits.skipped_share:.0%} of "
            f"{completions} completions without a score, found {len(failed)} so far; "
            f"for {worst.count} it {worst.reason}; mend it, or leave it out of ppo.rewards"
        )

    def close(self) -> None:
        """End the processes."""
        while self._workers:
            self._workers.pop().end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def name_parts(specs: Sequence[RewardSpec]) -> dict[str, RewardSpec]:
    """Each part by its plugin's name, with a number where a plugin has several: match, match-2."""
    named: dict[str, RewardSpec] = {}
    seen: Counter[str] = Counter()
    for spec in specs:
        seen[spec.plugin] += 1
        count = seen[spec.plugin]
        named[spec.plugin if count == 1 else f"{spec.plugin}-{count}"] = spec
    return named


def score_batch(reward: BatchReward, completions: Sequence[Completion]) -> list[RewardValue]:
    """What a batched reward says; nothing that it raises gets out."""
    try:
        values = list(reward.score_all(completions))
    except Exception as error:  # a plugin may raise anything
        return [RewardValue(0.0, f"raised {describe(error)}")] * len(completions)
    if len(values) != len(completions):
        reason = f"gave {len(values)} numbers for {len(completions)} completions"
        return [RewardValue(0.0, reason)] * len(completions)
    return [reward_value(value) for value in values]


def count_skips(answers: Answers) -> list[Skips]:
    """Failures by part and reason, the most common first."""
    counts = Counter(
        (part, answer.reason)
        for part, said in answers.items()
        for answer in said
        if answer and answer.reason
    )
    return [Skips(part, reason, count) for (part, reason), count in counts.most_common()]


def combine(answers: Answers, weights: Mapping[str, float]) -> Scores:
    """Weighted sums of the parts, and each part on its own."""
    values = {
        part: tuple(None if a is None or a.reason else a.value for a in said)
        for part, said in answers.items()
    }
    totals = tuple(
        sum(weights[part] * value for part, value in zip(values, row, strict=True))
        if None not in row
        else None
        for row in zip(*values.values(), strict=True)
    )
    return Scores(totals, values, tuple(count_skips(answers)))
