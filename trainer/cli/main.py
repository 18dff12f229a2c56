"""The commands of `lory-train`."""

import errno
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_type_hints

from lsp_server.contract.records import write_whole
from trainer.cli.recipes import DEFAULT_RUN, KEPT, resolve_recipes
from trainer.errors import RecipeError, TrainerError
from trainer.pipeline import (
    STAGES,
    Recipe,
    Stage,
    check_run,
    check_stage,
    run_all,
    run_stage,
    stages_of,
)
from trainer.runtime.cpu import prepare_process
from trainer.runtime.old_settings import advice
from trainer.runtime.processes import Team, join_team, leave_team, process_rank
from trainer.runtime.run_lock import hold_run

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

REPORT = "report"
IMPORT, ADAPT = "import", "adapt"
"""The commands that are no stage."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Command:
    """What the command line asks for."""

    command: str
    """A stage's name, or `all`."""
    recipe: Recipe
    run: Path
    text: str
    """The resolved recipe as YAML."""


@dataclass(frozen=True, slots=True)
class ReportCommand:
    """A report that the command line asks for."""

    run: Path
    out: Path
    beside: tuple[Path, ...] = ()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point `lory-train`: exit status 0 done, 2 explained in one line, 130 interrupted."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] != [IMPORT]:  # which wants memory back that was freed
        prepare_process()
    try:
        if words[:1] == [IMPORT]:
            import_model(words[1:])
        elif words[:1] == [ADAPT]:
            adapt_model(words[1:])
        else:
            report(parse_report(words) if words[:1] == [REPORT] else parse(words))
    except TrainerError as error:
        who = f"process {process_rank()}: " if process_rank() else ""
        sys.stderr.write(f"lory-train: {who}{error}\n")
        sys.exit(2)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in ("", "trainer", "lsp_server"):
            raise
        sys.stderr.write(
            f"lory-train: expected the library {library}, found none; "
            "run: pip install 'lory-lsp[train]'\n"
        )
        sys.exit(2)
    except Exception as error:
        if not is_full_disk(error):
            raise
        where = getattr(error, "filename", None) or "the run's folder"
        advice = "free space and give the same command again"
        sys.stderr.write(f"lory-train: disk full while writing {where}; {advice}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("lory-train: interrupted; the same command goes on from here\n")
        sys.exit(130)
    sys.exit(0)


def is_full_disk(error: Exception) -> bool:
    """Whether the disk, or the share of it that is allowed, is full.

    Libraries written in Rust, which save weights and tokenizers, give the number as text alone.
    """
    if isinstance(error, OSError):
        return error.errno in DISK_FULL
    return any(f"(os error {number})" in str(error) for number in DISK_FULL)


def report(order: Command | ReportCommand) -> None:
    """Run what was asked for and say what came of it."""
    if isinstance(order, ReportCommand):
        from trainer.report.page import write_report

        page = write_report(order.run, order.out, order.beside)
        sys.stderr.write(f"lory-train: report written to {page}\n")
        return
    team = join_team()
    if not team.leads:
        run_stages(order, team)
    else:
        if not order.run.exists():
            check(order)  # what is refused leaves no folder behind
        with hold_run(order.run):
            check(order)
            keep_recipe(order)
            summary = run_stages(order, team)
        sys.stderr.write(f"lory-train: {summary}; results in {order.run}\n")
    leave_team(team)


def import_model(words: Sequence[str]) -> None:
    """Make a bundle of a model of others."""
    from trainer.export.importing.cli import main as run_import

    run_import(words)


def adapt_model(words: Sequence[str]) -> None:
    """Learn an adapter for an imported model."""
    from trainer.export.adapter.cli import main as run_adapt

    run_adapt(words)


def run_stages(order: Command, team: Team) -> str:
    """Do what was ordered; gives in words what came of it."""
    if order.command == "all":
        done = run_all(order.recipe, order.run, team, say if team.leads else ignore)
        return f"stages run: {', '.join(done)}" if done else "every stage was finished before"
    stage = find_stage(order.command)
    ran = run_stage(stage, order.recipe, order.run, team)
    return f"stage {stage.name} {'done' if ran else 'was finished before'}"


def say(stage: str) -> None:
    """Tell which stage begins."""
    sys.stderr.write(f"lory-train: stage {stage}\n")
    sys.stderr.flush()


def ignore(stage: str) -> None:
    """Another process tells."""


def check(order: Command) -> None:
    """Raise StageError where the run's folders do not fit `order`."""
    if order.command == "all":
        check_run(stages_of(order.recipe), order.recipe, order.run)
    else:
        check_stage(find_stage(order.command), order.recipe, order.run)


def keep_recipe(order: Command) -> None:
    """Keep the recipe in the run's folder, where later commands find it."""
    kept = order.run / KEPT
    if not (kept.exists() and kept.read_text("utf-8") == order.text):
        write_whole(kept, order.text)


def find_stage(name: str) -> Stage:
    """The stage of that name."""
    return next(stage for stage in STAGES if stage.name == name)


def parse(arguments: Sequence[str]) -> Command:
    """The subcommand, the resolved recipe and the run's folder.

    Raises RecipeError for an unknown recipe, key or value.
    """
    from jsonargparse import ArgumentError

    parser, subparsers = build_parser(arguments[0] if arguments else "")
    try:
        namespace = parser.parse_args(resolve_recipes(arguments))
    except ArgumentError as exc:
        files = [word for word in arguments if word.endswith((".yaml", ".yml"))]
        raise RecipeError(": ".join([*files, explain(str(exc))])) from exc
    command: str = namespace.command
    chosen: Namespace = namespace[command]
    run = Path(chosen.pop("run"))
    chosen.pop("recipe", None)
    recipe = Recipe(**vars(subparsers[command].instantiate(chosen)))
    return Command(command, recipe, run, subparsers[command].dump(chosen, skip_unset=False))


def parse_report(arguments: Sequence[str]) -> ReportCommand:
    """The run's folder and the page's; RecipeError for anything else."""
    from jsonargparse import ArgumentError

    try:
        chosen = build_parser(REPORT)[0].parse_args(list(arguments))[REPORT]
    except ArgumentError as exc:
        raise RecipeError(" ".join(str(exc).split())) from exc
    out = Path(chosen.out or Path(chosen.run) / REPORT)
    return ReportCommand(Path(chosen.run), out, tuple(map(Path, chosen.beside)))


def build_parser(command: str) -> tuple["ArgumentParser", dict[str, "ArgumentParser"]]:
    """The parser and its parts: one subcommand for each stage, and `all`.

    Only `command` gets its settings; those of all of them take a second.
    """
    from jsonargparse import ActionConfigFile, ArgumentParser  # type: ignore[attr-defined]

    parser = ArgumentParser(
        prog="lory-train", exit_on_error=False, description="Train a completion model."
    )
    commands = parser.add_subcommands(required=True, dest="command")
    subparsers: dict[str, ArgumentParser] = {}
    for name in ("all", *(stage.name for stage in STAGES)):
        sub = ArgumentParser(
            exit_on_error=False, print_config="--print_config", description=f"Stage: {name}"
        )
        sub.add_argument(
            "--recipe", action=ActionConfigFile, help="a recipe's name, or a YAML file"
        )
        sub.add_argument("--run", default=DEFAULT_RUN, help="folder of this run")
        if name == command:
            sub.add_class_arguments(Recipe, fail_untyped=False)
        commands.add_subcommand(name, sub)
        subparsers[name] = sub
    sub = ArgumentParser(exit_on_error=False, description="A page of what a run has measured.")
    sub.add_argument("run", help="folder of the run")
    sub.add_argument("--out", default="", help="folder of the page; RUN/report by default")
    beside = "runs that trained for other lengths: what would more training bring?"
    sub.add_argument("--beside", nargs="*", default=[], help=beside)
    commands.add_subcommand(REPORT, sub)
    about = "A bundle of a model that others made; see: lory-train import --help"
    commands.add_subcommand(IMPORT, ArgumentParser(exit_on_error=False, description=about))
    about = "An adapter for an imported model; see: lory-train adapt --help"
    commands.add_subcommand(ADAPT, ArgumentParser(exit_on_error=False, description=about))
    return parser, subparsers


def explain(message: str) -> str:
    """The parser's message on one line, with the new name of an old key, or the known keys."""
    line = " ".join(message.split())
    if told := "; ".join(advice(line)):
        return f"{line}; {told}"
    if not any(word in line for word in ("nrecognized", "does not accept")):
        return line
    stages = get_type_hints(Recipe)
    named = [name for name in stages if f"{name}." in line]
    known = [
        field.name for name in named if is_dataclass(stages[name]) for field in fields(stages[name])
    ] or list(stages)
    return f"{line}; known keys of {named[0] if named else 'a recipe'}: {', '.join(known)}"


if __name__ == "__main__":
    main()
