"""Which licence a model has, and whether its user has to accept it by name."""

from lsp_server.contract.bundles.licences import forbids
from trainer.errors import ImportModelError
from trainer.export.importing.sources.source import Source


def check_licence(source: Source, accepted: str) -> str:
    """The licence that the bundle states.

    Raises ImportModelError where the model states none, or one that forbids some uses, and the user
    has not accepted it by its name.
    """
    stated = source.licence
    if accepted:
        return accepted if not stated or accepted == stated else refuse(source, accepted)
    if forbids(stated):
        found = stated or "none"
        raise ImportModelError(
            f"{source.origin}: expected a licence that allows all uses, found {found}; read it, "
            f"and where your use is allowed, accept it with --licence {stated or 'NAME'}"
        )
    return stated


def refuse(source: Source, accepted: str) -> str:
    """Raise ImportModelError: another licence was accepted than the model has."""
    raise ImportModelError(
        f"--licence: expected {source.licence}, which {source.origin} states, found {accepted}"
    )
