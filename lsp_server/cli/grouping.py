"""Lets a command of Typer take options that belong together as one dataclass."""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def grouped_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer reads it: each dataclass among its parameters is an option a field.

    A field is annotated and has its default as a parameter would.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {
        name: kind for name, kind in hints.items() if isinstance(kind, type) and is_dataclass(kind)
    }
    parameters: list[Parameter] = []
    for name, parameter in signature(command).parameters.items():
        if name in groups:
            parameters += options_of(groups[name])
        else:
            parameters.append(
                parameter.replace(annotation=hints[name], kind=Parameter.KEYWORD_ONLY)
            )

    def call(**given: Any) -> None:
        built = {
            name: kind(**{each.name: given.pop(each.name) for each in fields(kind)})
            for name, kind in groups.items()
        }
        command(**built, **given)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return call


def options_of(group: type[Any]) -> list[Parameter]:
    """A dataclass's fields as parameters."""
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            each.name,
            Parameter.KEYWORD_ONLY,
            default=default_of(each),
            annotation=hints[each.name],
        )
        for each in fields(group)
    ]


def default_of(each: "Field[Any]") -> Any:
    """What a field is where nothing is given; Parameter.empty: it has to be."""
    return Parameter.empty if each.default is MISSING else each.default
