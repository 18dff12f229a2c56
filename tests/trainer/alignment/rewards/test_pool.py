"""Rewards of a user's own package, in real worker processes that they break in every way."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from trainer.alignment.config import RewardSpec
from trainer.alignment.rewards.pool import PoolLimits, RewardPool
from trainer.alignment.rewards.protocol import Completion
from trainer.errors import RewardError

MODULE = """
import os, re, signal, subprocess, sys, time
from decimal import Decimal

import numpy

def length():
    return lambda completion: len(completion.text)

def odd(log=""):
    '''A number, or what the text says.'''
    def reward(completion):
        match completion.text:
            case "raise":
                raise RuntimeError("no luck\\nat all")
            case "nan":
                return float("nan")
            case "infinite":
                return -float("inf")
            case "none":
                return None
            case "word":
                return "3"
            case "exit":
                sys.exit(3)
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "sleep":
                child = subprocess.Popen(["sleep", "600"])
                with open(log, "a") as file:
                    file.write(f"{os.getpid()} {child.pid}\\n")
                time.sleep(600)
            case "regex":
                return bool(re.fullmatch("(a|aa)+b", "a" * 90))
            case "numpy":
                return numpy.float32(0.5)
            case "decimal":
                return Decimal("0.25")
            case "process":
                return os.getpid()
        return 1
    return reward

class Batch:
    def __init__(self, answers):
        self.answers = answers
    def score_all(self, completions):
        if self.answers == "raise":
            raise OSError("no model")
        return self.answers[:len(completions)] if self.answers else [os.getpid()] * len(completions)

def broken():
    raise ValueError("not today")

def broken_in_a_worker():
    import multiprocessing
    if multiprocessing.parent_process():
        raise ValueError("not in a worker")
    return length()
"""
ENTRIES = """[lory.rewards]
length = own_rewards:length
odd = own_rewards:odd
batch = own_rewards:Batch
broken = own_rewards:broken
broken_in_a_worker = own_rewards:broken_in_a_worker
gone = own_rewards_gone:reward
"""
PATIENT = PoolLimits(skipped_share=1.0, call_seconds=60.0)


@pytest.fixture(autouse=True)
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with rewards, which workers find by the same path."""
    site = tmp_path / "site"
    facts = site / "own_rewards-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "own_rewards.py").write_text(MODULE)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: own_rewards\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(site))


def completions(*texts: str) -> list[Completion]:
    plain = Completion(path="a.py", prefix="x = ", text="", suffix="\n", truth="1")
    return [replace(plain, text=text) for text in texts]


def odd(log: Path | None = None) -> RewardSpec:
    return RewardSpec(plugin="odd", options={"log": str(log)} if log else {})


def test_the_score_is_the_weighted_sum_and_every_part_is_there() -> None:
    specs = [
        RewardSpec(plugin="length", weight=0.5),
        RewardSpec(plugin="match", weight=2.0, options={"partial": 0.0}),
        RewardSpec(plugin="batch", weight=-1.0, options={"answers": [0.25, 0.75, 0.0]}),
    ]
    with RewardPool(specs, PATIENT) as pool:
        scores = pool(completions("1", "four", ""))
    assert scores.totals == (0.5 + 2 - 0.25, 2.0 - 0.75, 0.0)
    assert list(scores.values) == ["length", "match", "batch"]
    assert scores.values["length"] == (1, 4, 0)
    assert scores.values["match"] == (1.0, 0.0, 0.0)
    assert scores.parts == {"length": 5 / 3, "match": 1 / 3, "batch": 1 / 3}
    assert (scores.skips, scores.skipped) == ((), 0)


def test_a_plugin_that_is_there_twice_is_two_parts() -> None:
    specs = [RewardSpec(plugin="match", options={"partial": p}) for p in (0.0, 1.0)]
    with RewardPool(specs, PATIENT) as pool:
        scores = pool(completions("12"))
    assert scores.parts == {"match": 0.0, "match-2": pytest.approx(2 / 3)}


def test_what_is_no_number_is_a_skip_with_its_reason_and_costs_no_other_completion() -> None:
    texts = ["raise", "fine", "nan", "infinite", "none", "word", "numpy", "decimal", "raise"]
    with RewardPool([odd(), RewardSpec(plugin="length")], PATIENT) as pool:
        scores = pool(completions(*texts))
    assert scores.totals == (None, 5.0, None, None, None, None, 5.5, 7.25, None)
    assert scores.values["length"] == tuple(map(len, texts))
    assert [(skip.part, skip.reason, skip.count) for skip in scores.skips][0] == (
        ("odd", "raised RuntimeError: no luck", 2)
    )
    assert {skip.reason: skip.count for skip in scores.skips[1:]} == {
        "gave nan": 1,
        "gave -inf": 1,
        "gave NoneType, no number": 1,
        "gave str, no number": 1,
    }
    assert scores.skipped == 6
    assert scores.parts["odd"] == pytest.approx((1 + 0.5 + 0.25) / 3)


def test_a_reward_that_ends_its_process_costs_its_own_number_alone() -> None:
    texts = ["exit", "fine", "crash", "fine", "fine"]
    with RewardPool([odd(), RewardSpec(plugin="length")], PATIENT) as pool:
        scores = pool(completions(*texts))
        assert pool(completions("fine")).totals == (5.0,)
    assert scores.totals == (None, 5.0, None, 5.0, 5.0)
    assert scores.values["length"] == tuple(map(len, texts))
    assert {skip.reason for skip in scores.skips} == {
        "ended its process (status 3)",
        "ended its process (signal 11)",
    }


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "processes"


def test_a_reward_that_hangs_is_killed_with_all_it_started_and_replaced(log: Path) -> None:
    limits = PoolLimits(skipped_share=1.0, call_seconds=2, workers=1)
    with RewardPool([odd(log), RewardSpec(plugin="length")], limits) as pool:
        scores = pool(completions("fine", "sleep", "fine"))
        assert scores.totals == (5.0, None, 5.0)
        assert scores.values["length"] == (4, 5, 4)
        assert scores.skips[0].reason == "took longer than 2 s"
        assert [is_gone(int(word)) for word in log.read_text().split()] == [True, True]


def test_a_reward_that_hangs_in_c_code_is_killed_too() -> None:
    limits = PoolLimits(skipped_share=1.0, call_seconds=2, workers=1)
    with RewardPool([odd()], limits) as pool:
        scores = pool(completions("regex", "fine"))
    assert scores.totals == (None, 1.0)
    assert scores.skips[0].reason == "took longer than 2 s"


def is_gone(process: int) -> bool:
    """Whether a process ends within ten seconds; a dead one that nobody waits for has ended."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_too_many_skips_are_an_error_that_names_the_plugin_and_its_reason() -> None:
    texts = ["fine", "none", "none", "nan", "fine", "fine"]
    said = (
        r"reward odd: expected at most 25% of 6 completions without a score, found 2 so far; "
        r"for 2 it gave NoneType, no number; mend it, or leave it out of ppo\.rewards"
    )
    specs = [RewardSpec(plugin="length"), odd()]
    with RewardPool(specs, PoolLimits(workers=1, call_seconds=60)) as pool:
        with pytest.raises(RewardError, match=said):
            pool(completions(*texts))
        assert pool(completions("fine", "abc")).totals == (5.0, 4.0)


def test_a_reward_that_always_hangs_ends_the_round_as_soon_as_that_is_clear(log: Path) -> None:
    limits = PoolLimits(call_seconds=0.5, workers=2, skipped_share=0.05)
    said = "for 2 it took longer than 0.5 s"
    with RewardPool([odd(log)], limits) as pool, pytest.raises(RewardError, match=said):
        pool(
            [replace(each, suffix=f"# {n}") for n, each in enumerate(completions(*["sleep"] * 20))]
        )
    assert len(log.read_text().splitlines()) <= 4


def test_completions_alike_are_asked_about_once_and_share_the_answer(log: Path) -> None:
    limits = PoolLimits(call_seconds=1, workers=2, skipped_share=0.8)
    with RewardPool([RewardSpec(plugin="length"), odd(log)], limits) as pool:
        scores = pool(completions("sleep", "abc", "sleep", "abc", "sleep"))
    assert scores.totals == (None, 4.0, None, 4.0, None)
    assert scores.skipped == 3
    assert [skip.count for skip in scores.skips] == [3]
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ("raise", "raised OSError: no model"),
        ([1.0], "gave 1 numbers for 3 completions"),
        (["x", None, {}], "gave str, no number"),
    ],
)
def test_a_batched_reward_that_fails_is_told_of_like_any_other(
    answers: object, reason: str
) -> None:
    spec = RewardSpec(plugin="batch", options={"answers": answers})
    with RewardPool([spec], PATIENT) as pool:
        scores = pool(completions("a", "b", "c"))
    assert scores.totals == (None, None, None)
    assert scores.parts == {}
    assert scores.skips[0].reason == reason
    with RewardPool([spec], PoolLimits()) as pool, pytest.raises(RewardError, match=reason):
        pool(completions("a", "b", "c"))


def test_batched_rewards_are_asked_here_and_others_elsewhere() -> None:
    specs = [RewardSpec(plugin="batch", options={"answers": None}), odd()]
    with RewardPool(specs, PATIENT) as pool:
        texts = completions("process", "process", "process", "process")
        scores = pool([replace(text, suffix=f"# {n}") for n, text in enumerate(texts)])
    assert set(scores.values["batch"]) == {os.getpid()}
    assert os.getpid() not in scores.values["odd"]


@pytest.mark.parametrize(
    ("plugin", "options", "said"),
    [
        ("lenght", {}, "unknown reward lenght; known: .*length"),
        ("odd", {"lag": ""}, "reward odd: .*'lag'; its options: log"),
        ("broken", {}, "reward broken: raised ValueError: not today"),
        ("gone", {}, "reward gone: expected own_rewards_gone:reward to load, found ModuleNotFound"),
    ],
)
def test_a_reward_that_cannot_be_built_is_one_error_before_anything_runs(
    plugin: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(RewardError, match=said):
        RewardPool([RewardSpec(plugin=plugin, options=options)], PATIENT)


def test_no_reward_at_all_is_an_error() -> None:
    with pytest.raises(RewardError, match="expected one reward or more"):
        RewardPool([], PATIENT)


def test_a_reward_that_cannot_be_built_in_a_worker_is_an_error_and_no_endless_start() -> None:
    said, spec = (
        "ValueError: not in a worker as it started",
        RewardSpec(plugin="broken_in_a_worker"),
    )
    with RewardPool([spec], PATIENT) as pool, pytest.raises(RewardError, match=said):
        pool(completions("a"))


def test_no_completions_have_no_scores() -> None:
    with RewardPool([RewardSpec(plugin="length")], PATIENT) as pool:
        assert pool([]).totals == ()


@pytest.fixture
def pool_of_one() -> Iterator[RewardPool]:
    with RewardPool([odd()], PoolLimits(workers=1, call_seconds=60)) as pool:
        yield pool


def test_the_processes_stay_from_round_to_round_and_end_with_the_pool(
    pool_of_one: RewardPool,
) -> None:
    first, second = (pool_of_one(completions("process")).totals[0] for _ in range(2))
    assert first == second
    assert first is not None
    pool_of_one.close()
    assert is_gone(int(first))
