"""Writes the model card of an import: what it is, where it comes from, what was proven of it."""

from collections.abc import Mapping

from trainer.export.importing.sources.source import Source


def write_card(source: Source, name: str, licence: str, facts: Mapping[str, str]) -> str:
    """The whole card."""
    rows = "\n".join(f"| {label} | {value} |" for label, value in facts.items())
    return (
        f"# {name}\n\n"
        f"A model that others trained ({source.origin}), imported by `lory-train import`. Its "
        f"licence, as it states it: {licence}. The token ids are renumbered; the weights are its "
        f"own, rounded to the bundle's precision.\n\n| | |\n|---|---|\n{rows}\n\n"
        "## Limits\n\n"
        "It was not trained by this project: what it was trained on, and what it may repeat of it, "
        "its makers' own card says. Text that looks right may be wrong, insecure or outdated.\n"
    )
