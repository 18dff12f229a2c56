"""Command line of the trainer: takes a stage, a recipe and a run folder, gives that stage done."""

import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_type_hints

from trainer.config import Recipe
from trainer.errors import RecipeError, TrainerError
from trainer.pipeline import STAGES, process_rank, run_all, run_stage

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

RECIPES = Path(str(files("trainer"))) / "recipes"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point `lory-train`: exit status 0 done, 2 explained in one line, 130 interrupted."""
    # Before torch loads: threads that spin while they wait cost a shared machine most of its speed.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        command, recipe, run = parse(sys.argv[1:] if arguments is None else arguments)
        report(command, recipe, run)
    except TrainerError as error:
        sys.stderr.write(f"lory-train: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("lory-train: interrupted; the same command goes on from here\n")
        sys.exit(130)
    sys.exit(0)


def report(command: str, recipe: Recipe, run: Path) -> None:
    """Run what was asked for and say what came of it."""
    if command == "all":
        done = run_all(recipe, run)
        summary = f"stages run: {', '.join(done)}" if done else "every stage was finished before"
    else:
        stage = next(stage for stage in STAGES if stage.name == command)
        ran = run_stage(stage, recipe, run)
        summary = f"stage {command} done" if ran else f"stage {command} was finished before"
    if process_rank() == 0:
        sys.stderr.write(f"lory-train: {summary}; results in {run}\n")


def parse(arguments: Sequence[str]) -> tuple[str, Recipe, Path]:
    """Subcommand, resolved recipe and run folder; the recipe is kept in the folder as recipe.yaml.

    Raises RecipeError for an unknown recipe, key or value.
    """
    from jsonargparse import ArgumentError

    parser, subparsers = build_parser()
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
    if process_rank() == 0:
        run.mkdir(parents=True, exist_ok=True)
        (run / "recipe.yaml").write_text(subparsers[command].dump(chosen, skip_unset=False))
    return command, recipe, run


def build_parser() -> tuple["ArgumentParser", dict[str, "ArgumentParser"]]:
    """The parser and its parts: one subcommand for each stage, and `all`."""
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
        sub.add_argument("--run", default="runs/default", help="folder of this run")
        sub.add_class_arguments(Recipe, fail_untyped=False)
        commands.add_subcommand(name, sub)
        subparsers[name] = sub
    return parser, subparsers


def resolve_recipes(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--recipe NAME` as its file; a run begun before keeps its own recipe."""
    resolved = [part for argument in arguments for part in split_flag(argument)]
    for index, argument in enumerate(resolved[:-1]):
        if argument == "--recipe":
            resolved[index + 1] = str(find_recipe(resolved[index + 1]))
    if "--recipe" not in resolved and "--run" in resolved[:-1]:
        kept = Path(resolved[resolved.index("--run") + 1]) / "recipe.yaml"
        if kept.exists():
            return [*resolved[:1], "--recipe", str(kept), *resolved[1:]]
    return resolved


def split_flag(argument: str) -> list[str]:
    """`--recipe=x` as two arguments; anything else as it is."""
    flag, separator, value = argument.partition("=")
    return [flag, value] if separator and flag in ("--recipe", "--run") else [argument]


def find_recipe(name: str) -> Path:
    """File of a recipe given by name or by path."""
    shipped = {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}
    if name in shipped:
        return shipped[name]
    if Path(name).is_file():
        return Path(name)
    raise RecipeError(
        f"no recipe {name!r}: expected one of {', '.join(shipped)}, or a YAML file's path"
    )


def explain(message: str) -> str:
    """The parser's message on one line, with the known keys where a key is unknown."""
    line = " ".join(message.split())
    if not any(word in line for word in ("nrecognized", "does not accept")):
        return line
    stages = get_type_hints(Recipe)
    named = [name for name in stages if f"{name}." in line]
    known = [field.name for name in named for field in fields(stages[name])] or list(stages)
    return f"{line}; known keys of {named[0] if named else 'a recipe'}: {', '.join(known)}"


if __name__ == "__main__":
    main()
