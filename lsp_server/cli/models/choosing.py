"""Chooses the model in use, and removes others."""

from collections.abc import Sequence

from lsp_server.cli.models.keeping import remove_kept, told_as_one_line
from lsp_server.cli.models.showing import check_model, find_kept, used_name
from lsp_server.completion.model.tryout import admit
from lsp_server.contract.bundles.kept import SHIPPED, choose, name_in_use
from lsp_server.errors import ModelError
from lsp_server.settings import Settings


def use_model(name: str) -> None:
    """Put a model to use, once its files are checked and it completes.

    Raises LoryError, and leaves the choice as it is, where one of both fails.
    """
    admit(check_model(name), Settings(), lambda: True)
    with told_as_one_line():
        choose(name)


def models_to_measure(names: Sequence[str]) -> list[str]:
    """Two or more models, the first of which the others are compared with.

    To one alone the model in use is added, or the shipped one where it is that itself.
    """
    for name in names:
        find_kept(name)
    chosen = list(dict.fromkeys(names)) or [name_in_use()]
    if len(chosen) == 1:
        beside = next((name for name in (name_in_use(), SHIPPED) if name not in chosen), "")
        if not beside:
            raise ModelError(
                f"expected a model to measure beside {SHIPPED}, found none that is kept; add one: "
                "lory model add NAME"
            )
        chosen.insert(0, beside)
    return chosen


def remove_model(name: str, *, even_in_use: bool) -> None:
    """Delete a kept model.

    ModelError for the shipped one, and for the one in use unless told so.
    """
    if name == SHIPPED:
        raise ModelError(f"{SHIPPED!r} comes with Lory and cannot be removed")
    find_kept(name)
    if used_name() == name:
        if not even_in_use:
            raise ModelError(
                f"model {name!r}: expected one that is not in use, found that it is; first: lory "
                f"model use {SHIPPED}, or: lory model remove --in-use {name}"
            )
        with told_as_one_line():
            choose(SHIPPED)
    remove_kept(name)
