"""Says what a model of others is, and under which licence, before it is imported."""

from pathlib import Path

from trainer.export.importing.sources.checkpoint import read_licence
from trainer.export.importing.sources.find import download, find_source, is_hub_name


def describe_source(name: str) -> dict[str, str]:
    """Name, licence and architecture of the model that `name` stands for, as far as they are known.

    Of a hub repository the card alone is fetched. Raises ImportModelError where there is no such
    model, or it cannot be read.
    """
    if is_hub_name(name):
        folder = download(name, ["README.md", "LICENSE*"])
        return {"name": Path(name).name.lower(), "licence": read_licence(folder), "kind": ""}
    source = find_source(name)
    kind = str(source.config.get("model_type", ""))
    return {"name": source.name, "licence": source.licence, "kind": kind}
