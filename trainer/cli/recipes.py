"""Finds a recipe, with its part for the language that is asked for, or that of an earlier run."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from trainer.errors import RecipeError
from trainer.pipeline import PYTHON
from trainer.runtime.old_settings import nest, translate

RECIPES = Path(str(files("trainer"))) / "recipes"
DEFAULT_RUN = "runs/default"
KEPT = "recipe.yaml"
RECIPE, RUN, LANGUAGE = "--recipe", "--run", "--language"
PARTS = "languages"
"""The key of a recipe under which each language has what it has for itself."""


def resolve_recipes(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--recipe NAME` as its file; a run begun before keeps its own recipe."""
    resolved = [part for argument in arguments for part in split_flag(argument)]
    language = value_of(LANGUAGE, resolved)
    for index, argument in enumerate(resolved[:-1]):
        if argument == RECIPE:
            resolved[index + 1] = speak(find_recipe(resolved[index + 1]), language)
    kept = Path(value_of(RUN, resolved) or DEFAULT_RUN) / KEPT
    if resolved and RECIPE not in resolved and kept.exists():
        return [*resolved[:1], RECIPE, read_kept(kept), *resolved[1:]]
    return resolved


def value_of(flag: str, words: Sequence[str]) -> str:
    """What follows a flag; "" where it is not given."""
    return words[words.index(flag) + 1] if flag in words[:-1] else ""


def split_flag(argument: str) -> list[str]:
    """`--recipe=x` as two arguments; anything else as it is."""
    flag, separator, value = argument.partition("=")
    return [flag, value] if separator and flag in (RECIPE, RUN, LANGUAGE) else [argument]


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


def speak(file: Path, language: str) -> str:
    """A recipe's path, or its text with its part for a language in place of all parts."""
    import yaml

    try:
        recipe = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return str(file)  # the parser says what is wrong with it
    if not isinstance(recipe, dict) or not isinstance(parts := recipe.pop(PARTS, None), dict):
        return str(file)
    part = parts.get(language or str(recipe.get("language", PYTHON))) or {}
    if not isinstance(part, dict):
        raise RecipeError(
            f"{file}: {PARTS}: expected settings for each language, found {part!r:.80}; correct it"
        )
    return yaml.safe_dump(merge(recipe, part), sort_keys=False)


def merge(whole: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with others in their place; a list is replaced as a whole."""
    found = dict(whole)
    for name, value in part.items():
        old = found.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        found[name] = merge(old, value) if both else value  # type: ignore[arg-type]
    return found


def read_kept(kept: Path) -> str:
    """The recipe that a run keeps: its path, or its text under the names of this version."""
    import yaml

    text = kept.read_text(encoding="utf-8")
    recipe = yaml.safe_load(text)
    current = nest(translate(recipe)) if isinstance(recipe, dict) else recipe
    return str(kept) if current == recipe else yaml.safe_dump(current, sort_keys=False)
