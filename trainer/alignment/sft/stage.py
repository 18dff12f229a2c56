"""Stage `sft`: supervised fine-tuning.

    metrics.jsonl    one line an optimizer step; tensorboard/ has the same as curves
    model/           weights and configuration, as transformers saves them, and tokenizer.json
    training.json    figures for the card, samples by kind, loss on held-out answers by kind

The loss is on the answers alone. Runs alone, or in every process of `accelerate launch`.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsp_server.contract.prompt import load_tokenizer
from lsp_server.contract.records import write_record
from trainer.alignment.config import SftConfig
from trainer.alignment.sft.samples import Drawn, Sample, Sampler, count_samples
from trainer.errors import CorpusError
from trainer.runtime.checks import require
from trainer.runtime.cpu import prepare_process
from trainer.runtime.processes import open_accelerator, process_rank
from trainer.runtime.run_folder import Inputs

IGNORED = -100
"""Label without a loss."""


def run(config: SftConfig, inputs: Inputs, out: Path) -> None:
    """Tune to the last step, from the newest checkpoint in `out` where there is one.

    Raises CorpusError where the documents give no samples, RecipeError where the context is longer
    than the model's, StageError after an orderly stop.
    """
    prepare_process()
    from trainer.alignment.sft.loss import answer_losses
    from trainer.alignment.trl_loop import check_settings, train
    from trainer.model.networks import load, newest_weights

    open_accelerator()
    begun_with = newest_weights(inputs)
    model = load(begun_with).float()
    longest = model.config.max_position_embeddings
    require(config.context <= longest, "sft.context", f"at most {longest}", config.context)
    check_settings("sft", config, out)
    sampler = Sampler(load_tokenizer(begun_with / "tokenizer.json"), config)
    drawn = find_samples(sampler, inputs["dedup"] / "train", config.samples)
    heldout = find_samples(sampler, inputs["dedup"] / "heldout", config.heldout_samples)
    trainer = build_trainer(config, model, drawn.samples, begun_with, out)
    before = answer_losses(model, heldout.samples, config.loop.micro_batch)

    def heldout_loss(model: Any) -> float:
        return answer_losses(model, heldout.samples, config.loop.micro_batch)["all"]

    seconds = train("sft", trainer, config.loop, out, heldout_loss)
    after = answer_losses(model, heldout.samples, config.loop.micro_batch)
    if process_rank() == 0:
        model.save_pretrained(out / "model")
        shutil.copyfile(begun_with / "tokenizer.json", out / "model" / "tokenizer.json")
        summary = {
            "figures": {
                "steps": config.loop.steps,
                "samples seen": config.loop.steps * config.loop.batch,
                "seconds": round(seconds, 1),
                "nats per held-out answer token before": before["all"],
                "nats per held-out answer token": after["all"],
            },
            "samples": count_samples(drawn.samples),
            "too_long": dict(drawn.too_long),
            "heldout_samples": count_samples(heldout.samples),
            "heldout_answer_loss_before": before,
            "heldout_answer_loss": after,
        }
        write_record(out / "training.json", summary)


def find_samples(sampler: Sampler, folder: Path, count: int) -> Drawn:
    """Samples of a folder's documents; CorpusError where it gives none."""
    drawn = sampler.collect(folder, count, f"samples of {folder.name}")
    if not drawn.samples:
        raise CorpusError(
            f"sft: expected samples from the documents in {folder}, found none "
            f"({drawn.too_long.total()} answers were too long); widen the sources, or raise "
            "sft.answer_tokens"
        )
    return drawn


def build_trainer(
    config: SftConfig, model: Any, samples: Sequence[Sample], begun_with: Path, out: Path
) -> Any:
    """trl's SFTTrainer over the samples in the order of `order_rows`."""
    from datasets import Dataset
    from trl import SFTConfig as TrlConfig
    from trl import SFTTrainer

    from trainer.alignment.trl_loop import order_rows, trainer_settings, wrap_tokenizer

    order = order_rows([len(sample.prompt) + len(sample.answer) for sample in samples], config.loop)
    rows = Dataset.from_dict(
        {
            "input_ids": [[*sample.prompt, *sample.answer] for sample in samples],
            "labels": [[*[IGNORED] * len(sample.prompt), *sample.answer] for sample in samples],
        }
    )
    settings = TrlConfig(
        **trainer_settings("sft", config.loop, out),
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return SFTTrainer(
        model=model,
        args=settings,
        train_dataset=rows.select(order),
        processing_class=wrap_tokenizer(load_tokenizer(begun_with / "tokenizer.json")),
    )
