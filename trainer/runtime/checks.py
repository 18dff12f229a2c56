"""Checks of settings, with errors that name the setting."""

from trainer.errors import RecipeError


def require(holds: bool, key: str, expected: str, found: object) -> None:
    """Raise RecipeError that says what `key` expected and what was found, unless `holds`."""
    if not holds:
        raise RecipeError(f"{key}: expected {expected}, found {found}")


def require_at_least(least: int, stage: str, settings: object, *names: str) -> None:
    """Raise RecipeError for the first of the stage's settings `names` that is less than `least`."""
    for name in names:
        found = getattr(settings, name)
        require(found >= least, f"{stage}.{name}", f"{least} or more", found)
