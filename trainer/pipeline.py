"""The stages in their order, and the recipe with all their settings.

A stage is a module with `run(config, inputs, out)`: its settings, the folders of earlier stages,
and its own folder. It writes `done.json` last, with its settings and the digests of its inputs. A
stage without that file starts over in an empty folder. Training stages resume instead; `begun.json`
has their inputs until they are done. Of several processes the first one decides what to do, and
runs the stages that do not train alone.
"""

import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from lsp_server.contract.languages.learning import is_known, learned_ids, learned_names
from lsp_server.contract.languages.profiles import PROFILES, has_grammar
from lsp_server.contract.records import write_record
from trainer.alignment.config import PpoConfig, PreferencesConfig, RewardConfig, SftConfig
from trainer.corpus.config import (
    DedupConfig,
    FiltersConfig,
    PackingConfig,
    SourcesConfig,
    TokenizerConfig,
)
from trainer.errors import RecipeError, StageError
from trainer.evaluation.config import EvaluateConfig
from trainer.export.config import BundleConfig, ExportConfig
from trainer.pretraining.config import PretrainConfig
from trainer.runtime.old_settings import differing
from trainer.runtime.processes import ALONE, Team
from trainer.runtime.run_folder import Inputs, TuningStage

PYTHON = "python"
GRAMMAR_ALONE = (
    *("tune", "filters.must_parse", "evaluate.humaneval", "evaluate.infilling", "evaluate.safim"),
)
"""Settings that are of use in a language whose programs are parsed and run here alone."""
PACKAGES = "distributions"
"""The source of Python's packages."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All stages' settings; a YAML file in `recipes/` gives what differs from the defaults."""

    sources: SourcesConfig = field(default_factory=SourcesConfig)
    filters: FiltersConfig = field(default_factory=FiltersConfig)
    dedup: DedupConfig = field(default_factory=DedupConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    packing: PackingConfig = field(default_factory=PackingConfig)
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    tune: list[TuningStage] = field(default_factory=list)
    """The tuning stages that are run, in their own order whatever the list's; none by default."""
    sft: SftConfig = field(default_factory=SftConfig)
    preferences: PreferencesConfig = field(default_factory=PreferencesConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    ppo: PpoConfig = field(default_factory=PpoConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    bundle: BundleConfig = field(default_factory=BundleConfig)
    language: str = PYTHON
    """Id, as editors use it, of the language that is learned, with those that go with it: the files
    that are read and the languages that the bundle is for, unless the recipe names others."""

    def __post_init__(self) -> None:
        if not is_known(self.language):
            known = ", ".join(PROFILES)
            raise RecipeError(f"language: expected one of {known}, found {self.language!r}")
        if has_grammar(self.language):
            return
        found = [name for name in GRAMMAR_ALONE if value_at(self, name)]
        found += [f"source {one.plugin}" for one in self.sources.sources if one.plugin == PACKAGES]
        if found:
            raise RecipeError(
                f"language {self.language}: expected no settings that are Python's alone so far, "
                f"found {', '.join(found)}; leave them out of the recipe"
            )
        sources, bundle = SourcesConfig(), BundleConfig()
        for stage, setting, default, own in (
            ("sources", "suffixes", sources.suffixes, learned_names(self.language)),
            ("bundle", "languages", bundle.languages, list(learned_ids(self.language))),
            ("bundle", "name", bundle.name, f"{bundle.name}-{self.language}"),
        ):
            config = getattr(self, stage)
            if getattr(config, setting) == default:
                object.__setattr__(self, stage, replace(config, **{setting: own}))


def value_at(recipe: Recipe, name: str) -> Any:
    """A recipe's setting by its dotted name."""
    stage, _, setting = name.partition(".")
    config = getattr(recipe, stage)
    return getattr(config, setting) if setting else config


BEGUN, FINISHED = "begun", "finished"
"""What the first process says of a stage."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One station of the pipeline; its settings are the recipe's field of the same name."""

    name: str
    module: str
    """Of `run`, below `trainer`."""
    resumes: bool = False
    """Whether a half-finished folder is handed back to the stage instead of being emptied."""
    together: bool = False
    """Whether all processes run it; else the first does, and the others wait."""


STAGES: tuple[Stage, ...] = (
    Stage("sources", "corpus.sources"),
    Stage("filters", "corpus.filters"),
    Stage("dedup", "corpus.dedup"),
    Stage("tokenizer", "corpus.tokenizer"),
    Stage("packing", "corpus.packing"),
    Stage("pretrain", "pretraining.stage", resumes=True, together=True),
    Stage("sft", "alignment.sft.stage", resumes=True, together=True),
    Stage("preferences", "alignment.preferences.stage"),
    Stage("reward", "alignment.reward_model.stage", resumes=True, together=True),
    Stage("ppo", "alignment.ppo.stage", resumes=True, together=True),
    Stage("export", "export.stage"),
    Stage("evaluate", "evaluation.stage", resumes=True),
    Stage("bundle", "export.bundle"),
)


def stages_of(recipe: Recipe) -> tuple[Stage, ...]:
    """The stages that a recipe runs: all, but for the tuning that it does not ask for."""
    left_out = set(get_args(TuningStage)) - set(recipe.tune)
    return tuple(stage for stage in STAGES if stage.name not in left_out)


def run_stage(stage: Stage, recipe: Recipe, run: Path, team: Team = ALONE) -> bool:
    """Bring one stage to its end; False where it was finished before.

    Raises StageError where an earlier stage is missing, or was made again since, or where this one
    was made with other settings.
    """
    made_from = begin_stage(stage, recipe, run) if team.leads else None
    if team.hear(FINISHED if made_from is None else BEGUN) == FINISHED:
        return False
    started = time.time()
    if team.leads or stage.together:
        inputs = finished_before(stage, stages_of(recipe), run)
        settings = getattr(recipe, stage.name)
        import_module(f"trainer.{stage.module}").run(settings, inputs, run / stage.name)
    team.gather()
    if made_from is not None:
        end_stage(stage, recipe, run, made_from, time.time() - started)
    team.hear(FINISHED)
    return True


def begin_stage(stage: Stage, recipe: Recipe, run: Path) -> dict[str, str] | None:
    """Make a stage's folder ready; gives its inputs' digests, or None where it is finished.

    Raises StageError as `run_stage` does.
    """
    out = run / stage.name
    check_stage(stage, recipe, run)
    if (out / "done.json").exists():
        return None
    if out.exists() and not stage.resumes:
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    made_from = input_digests(stage, stages_of(recipe), run)
    if stage.resumes:
        write_record(out / "begun.json", {"inputs": made_from})
    return made_from


def end_stage(
    stage: Stage, recipe: Recipe, run: Path, made_from: dict[str, str], seconds: float
) -> None:
    """Mark a stage as finished."""
    out = run / stage.name
    record = {
        "stage": stage.name,
        "id": uuid.uuid4().hex,
        "config": asdict(getattr(recipe, stage.name)),
        "inputs": made_from,
        "seconds": round(seconds, 1),
    }
    write_record(out / "done.json", record)
    (out / "begun.json").unlink(missing_ok=True)


def run_all(
    recipe: Recipe, run: Path, team: Team = ALONE, tell: Callable[[str], None] = lambda name: None
) -> list[str]:
    """Every stage in order; gives the names of those that had work to do.

    `tell` is given each stage's name before it begins.
    """
    done = []
    for stage in stages_of(recipe):
        if not (run / stage.name / "done.json").exists():
            tell(stage.name)
        if run_stage(stage, recipe, run, team):
            done.append(stage.name)
    return done


def check_stage(stage: Stage, recipe: Recipe, run: Path) -> None:
    """Raise StageError where `stage` cannot be run, or counted as finished, in `run`."""
    stages = stages_of(recipe)
    if stage not in stages:
        raise StageError(
            f"stage {stage.name}: expected it among the recipe's tuning stages, found "
            f"{recipe.tune}; add it: --tune '{json.dumps([*recipe.tune, stage.name])}'"
        )
    check_run((*before(stage, stages), stage), recipe, run)
    if not (run / stage.name / "done.json").exists():
        finished_before(stage, stages, run)


def check_run(checked: Sequence[Stage], recipe: Recipe, run: Path) -> None:
    """Raise StageError where one of `checked` has a folder that does not fit recipe or inputs."""
    stages = stages_of(recipe)
    for stage in checked:
        if (run / stage.name / "done.json").exists():
            check_settings(stage, run / stage.name, getattr(recipe, stage.name))
    changed = {stage.name: changed_inputs(stage, stages, run) for stage in stages}
    stale = next((stage.name for stage in checked if changed[stage.name]), None)
    if stale:
        folders = " ".join(str(run / name) for name, inputs in changed.items() if inputs)
        raise StageError(
            f"stage {stale} was made from another {', '.join(changed[stale])} than {run} has now; "
            f"delete {folders} to make them again, or give a new --run"
        )


def input_digests(stage: Stage, stages: Sequence[Stage], run: Path) -> dict[str, str]:
    """Digest of `done.json` of every finished stage before `stage`; its id makes each unique."""
    marks = {earlier.name: run / earlier.name / "done.json" for earlier in before(stage, stages)}
    return {
        name: hashlib.sha256(mark.read_bytes()).hexdigest()
        for name, mark in marks.items()
        if mark.exists()
    }


def changed_inputs(stage: Stage, stages: Sequence[Stage], run: Path) -> list[str]:
    """Stages of `stages` that came, went or were made again since `stage` was made from them.

    None for a folder without a record of its inputs, which earlier versions did not write.
    """
    marks = [run / stage.name / name for name in ("done.json", "begun.json")]
    mark = next((mark for mark in marks if mark.exists()), None)
    if mark is None:
        return []
    made_from: dict[str, str] | None = json.loads(mark.read_text()).get("inputs")
    if made_from is None:
        return []
    present = input_digests(stage, stages, run)
    return [name for name in made_from | present if made_from.get(name) != present.get(name)]


def before(stage: Stage, stages: Sequence[Stage]) -> Sequence[Stage]:
    """Those of `stages` that come before `stage`."""
    return stages[: stages.index(stage)]


def finished_before(stage: Stage, stages: Sequence[Stage], run: Path) -> Inputs:
    """Folders of those of `stages` before `stage`; StageError for the first that is not done."""
    folders: dict[str, Path] = {}
    for earlier in before(stage, stages):
        folder = run / earlier.name
        if not (folder / "done.json").exists():
            raise StageError(
                f"stage {stage.name} needs stage {earlier.name}, which is not finished in {run}; "
                f"run it first: lory-train {earlier.name} --run {run}"
            )
        folders[earlier.name] = folder
    return folders


def check_settings(stage: Stage, out: Path, config: Any) -> None:
    """Raise StageError where a finished stage was made with settings other than `config`."""
    made_with = json.loads((out / "done.json").read_text())["config"]
    keys = differing(stage.name, made_with, config)
    if keys:
        raise StageError(
            f"stage {stage.name} in {out.parent} was made with other settings ({', '.join(keys)}); "
            f"give a new --run, or delete {out} to make it again"
        )
