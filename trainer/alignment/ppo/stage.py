"""Stage `ppo`: tunes the newest weights towards higher rewards.

    metrics.jsonl    one line an iteration; tensorboard/ has the same as curves
    checkpoints/     the newest training states
    best/            weights of the best evaluation that showed no harm
    before.json      held-out figures and completions of the weights that tuning began with
    before_test.json the same at the cursors of the test, where there are any
    samples.jsonl    held-out completions before and after
    model/           the best weights, as transformers saves them, and tokenizer.json
    training.json    figures for the card

Runs alone, or in every process of `accelerate launch`.
"""

import copy
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from lsp_server.contract.prompt import Budget, load_tokenizer
from lsp_server.contract.records import write_record
from lsp_server.contract.stopping import StopRule, end_of_line
from trainer.alignment.config import PpoConfig, RewardSpec
from trainer.alignment.ppo.prompts import (
    PromptsWanted,
    RolloutPrompt,
    cursor_prompts,
    opening_prompts,
    problem_prompts,
)
from trainer.errors import CorpusError
from trainer.runtime.checks import require
from trainer.runtime.cpu import prepare_process
from trainer.runtime.processes import open_accelerator
from trainer.runtime.run_folder import Inputs
from trainer.tasks.problems import end_of_solution

if TYPE_CHECKING:
    from trainer.alignment.ppo.evaluation import HeldOutEvaluator, HeldOutTask
    from trainer.alignment.ppo.loop import PpoLoop
    from trainer.alignment.rewards.pool import PoolLimits, RewardPool

PATH_TOKENS = 32
SUFFIX_SHARE = 0.25
"""Of a prompt's tokens."""

MAY_CHANGE = (
    "iterations",
    "patience",
    "eval_every",
    "test_cursors",
    "checkpoint_every",
    "keep_checkpoints",
)
"""Settings that a run may be taken up with other values of."""


def run(config: PpoConfig, inputs: Inputs, out: Path) -> None:
    """Tune for all iterations, from the newest checkpoint in `out` where there is one.

    Raises RewardError for rewards that cannot be had, CorpusError without text to start in,
    RecipeError where prompts are longer than the model's context, StageError after an orderly stop.
    """
    prepare_process()
    import torch

    from trainer.alignment.ppo.evaluation import HeldOutEvaluator
    from trainer.alignment.ppo.loop import PpoLoop
    from trainer.alignment.ppo.parts import PpoParts
    from trainer.alignment.ppo.policy import Policy
    from trainer.alignment.rewards.pool import RewardPool
    from trainer.model.attention import use_chunked_attention
    from trainer.model.networks import load, newest_weights
    from trainer.pretraining.batches import Batches

    accelerator = open_accelerator()
    torch.manual_seed(config.seed)
    begun_with = newest_weights(inputs)
    model, tokenizer = load(begun_with).float(), load_tokenizer(begun_with / "tokenizer.json")
    check_context(config, model.config.max_position_embeddings)
    check_shares(config, accelerator.num_processes)
    if accelerator.device.type == "cpu":
        use_chunked_attention(model)
    prompts = find_prompts(config, tokenizer, inputs["dedup"] / "train", heldout=False)
    with RewardPool(own_model(config.rewards, inputs), pool_limits(config)) as scorer:
        task, test = split(heldout_task(config, inputs, tokenizer, scorer), config)
        with accelerator.main_process_first():  # the others read what it has measured
            evaluator = HeldOutEvaluator(task, out / "before.json", model)
        reference = copy.deepcopy(model).requires_grad_(False).eval()
        parts = PpoParts(
            policy=Policy(model, config.temperature, config.precision),
            reference=Policy(reference, config.temperature, config.precision),
            tokenizer=tokenizer,
            prompts=prompts,
            stop=task.stop,
            scorer=scorer,
            evaluator=evaluator,
            corpus=Batches(inputs["packing"], config.corpus_kl_blocks),
            fingerprint=fingerprint(config, begun_with),
        )
        loop = PpoLoop(config, parts, accelerator, out)
        harm = loop.train()
        if accelerator.is_main_process:
            evaluator = final_evaluator(loop, test) if test else evaluator
            finish(loop, evaluator, begun_with, harm)
    accelerator.wait_for_everyone()


def check_context(config: PpoConfig, context: int) -> None:
    """Raise RecipeError where prompt and rollout do not fit the model's context."""
    most = context - config.max_tokens
    expected = f"at most {most}: the model's context less ppo.max_tokens"
    require(config.prompt_tokens <= most, "ppo.prompt_tokens", expected, config.prompt_tokens)


def check_shares(config: PpoConfig, processes: int) -> None:
    """Raise RecipeError where the processes cannot have equally many prompts of an iteration."""
    expected = f"a multiple of {processes} prompts, one or more for each process"
    require(
        config.prompts_per_iteration % processes == 0,
        "ppo.rollouts",
        expected,
        f"{config.prompts_per_iteration} prompts",
    )


def own_model(specs: Sequence[RewardSpec], inputs: Inputs) -> list[RewardSpec]:
    """The parts of the reward, `model` with the run's own one unless it names another."""
    own = {"folder": str(inputs["reward"] / "model")} if "reward" in inputs else {}
    return [
        replace(spec, options=own | spec.options) if spec.plugin == "model" else spec
        for spec in specs
    ]


def pool_limits(config: PpoConfig) -> "PoolLimits":
    """How far the settings trust rewards."""
    from trainer.alignment.rewards.pool import PoolLimits

    return PoolLimits(
        workers=config.reward_workers,
    )


def heldout_task(
    config: PpoConfig, inputs: Inputs, tokenizer: Tokenizer, scorer: "RewardPool"
) -> "HeldOutTask":
    """What is completed and measured, at the cursors of evaluations and then those of the test."""
    from trainer.alignment.ppo.evaluation import HeldOutTask
    from trainer.alignment.ppo.reward_hacking import Lines
    from trainer.alignment.ppo.rollouts import Sampling

    return HeldOutTask(
        tokenizer=tokenizer,
        prompts=find_prompts(config, tokenizer, inputs["dedup"] / "heldout", heldout=True),
        stop=partial(stop_rule, config),
        max_tokens=config.max_tokens,
        scorer=scorer,
        blocks=read_blocks(config, inputs["packing"]),
        lines=Lines(bits_share=config.bits_share),
        samples=Sampling(config.max_tokens, config.temperature, copies=config.eval_samples),
    )


def split(task: "HeldOutTask", config: PpoConfig) -> tuple["HeldOutTask", "HeldOutTask | None"]:
    """What evaluations measure, and what the test does; None where it does not differ.

    Raises CorpusError where the evaluations leave no cursors to the test.
    """
    if not config.test_cursors:
        return task, None
    chosen_on, rest = task.prompts[: config.eval_cursors], task.prompts[config.eval_cursors :]
    if not rest:
        raise CorpusError(
            f"ppo.test_cursors: expected more than {config.eval_cursors} held-out cursors, found "
            f"{len(chosen_on)}; hold more out (dedup.heldout_share) or lower ppo.eval_cursors"
        )
    return replace(task, prompts=chosen_on), replace(task, prompts=rest)


def read_blocks(config: PpoConfig, packing: Path) -> Any:
    """The first held-out blocks, for bits per byte."""
    from trainer.corpus.blocks.block_file import read_report
    from trainer.model.heldout import read_heldout

    return read_heldout(packing, read_report(packing)["block_tokens"], config.eval_blocks)


def find_prompts(
    config: PpoConfig, tokenizer: Tokenizer, folder: Path, *, heldout: bool
) -> list[RolloutPrompt]:
    """Where rollouts start: to learn from, or to be measured on."""
    measured_on = config.eval_cursors + config.test_cursors
    wanted = PromptsWanted(
        count=measured_on
        if heldout
        else config.iterations * config.prompts_per_iteration * config.candidates,
        longest_document=config.longest_document,
        documents=config.documents,
        seed=config.seed,
    )
    if config.prompt_source == "openings":
        return opening_prompts(folder, tokenizer, config.opening_tokens, wanted)
    tokens = config.prompt_tokens
    budget = Budget(
        context=tokens + config.max_tokens,
        completion=config.max_tokens,
        path=min(PATH_TOKENS, tokens // 8),
        suffix=int(tokens * SUFFIX_SHARE),
    )
    if config.prompt_source == "problems":
        return problem_prompts(config.problems, tokenizer, budget, wanted, heldout=heldout)
    return cursor_prompts(folder, tokenizer, budget, wanted)


def stop_rule(config: PpoConfig, prompt: RolloutPrompt) -> StopRule:
    """Where a rollout ends besides its end token: at its line's end, or before a stop string.

    The solution of a problem without a suffix ends where the next function or class begins.

    Where the cursor stands in the indentation of a line, the piece that is left to the completion
    begins with the line break before it: that ends nothing.
    """
    opens_line = end_of_line(prompt.lead) is not None

    def end(text: str) -> int | None:
        ends = [at for string in config.stop_strings if (at := text.find(string)) >= 0]
        if config.prompt_source == "cursors":
            begun = len(text) - len(text.lstrip()) if opens_line else 0
            at_line = end_of_line(text[begun:])
            ends += [] if at_line is None else [begun + at_line]
        elif config.prompt_source == "problems" and not prompt.suffix:
            over = end_of_solution(text)
            ends += [] if over is None else [over]
        return min(ends, default=None)

    return end


def fingerprint(config: PpoConfig, begun_with: Path) -> str:
    """What a checkpoint must share with the run that resumes it, as readable text."""
    kept = {name: value for name, value in asdict(config).items() if name not in MAY_CHANGE}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]
    weights = hashlib.sha256((begun_with / "model.safetensors").read_bytes()).hexdigest()[:12]
    return f"settings {digest}, weights {weights}"


def final_evaluator(loop: "PpoLoop", test: "HeldOutTask") -> "HeldOutEvaluator":
    """Compares with the weights that tuning began with, at the cursors of the test."""
    from trainer.alignment.ppo.evaluation import HeldOutEvaluator

    record = loop.out / "before_test.json"
    record.unlink(missing_ok=True)  # it may be of other cursors
    return HeldOutEvaluator(test, record, loop.parts.reference.model)


def finish(loop: "PpoLoop", evaluator: "HeldOutEvaluator", begun_with: Path, harm: str) -> None:
    """Put the best weights in `model/` and the policy, complete held-out texts, sum up."""
    from trainer.model.networks import load

    out = loop.out
    shutil.rmtree(out / "model", ignore_errors=True)
    shutil.copytree(out / "best", out / "model")
    shutil.copyfile(begun_with / "tokenizer.json", out / "model" / "tokenizer.json")
    model = loop.parts.policy.model
    model.load_state_dict(load(out / "model").state_dict())
    found = evaluator.compare(model, out / "samples.jsonl")
    summary = {
        "figures": {
            "iterations": loop.iteration,
            "rollouts": loop.rollouts,
            "seconds": round(loop.elapsed, 1),
            "ended early": harm or None,
            "held-out reward before": round(evaluator.before["reward"], 5),
            "standard deviation of reward before": round(found.deviation, 5),
            **{f"held-out {name}": round(value, 5) for name, value in found.figures.items()},
        },
        "before": evaluator.before,
        "after": found.figures,
        "changes": {name: asdict(change) for name, change in found.changes.items()},
        "warnings": found.warnings,
    }
    write_record(out / "training.json", summary)
