"""A command takes options that belong together as one dataclass."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer.testing import CliRunner, Result

from lsp_server.cli.grouping import grouped_options


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A group with a default, a value that has to be given, and an option by another name."""

    out: Annotated[Path, typer.Option(help="Where to.")]
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 3
    named: Annotated[list[str] | None, typer.Option("--name", help="Which.")] = None


def run(*words: str) -> Result:
    app = typer.Typer()

    @app.command()
    @grouped_options
    def show(place: Annotated[str, typer.Argument()], amount: Amount, loud: bool = False) -> None:
        """Tell what was given."""
        typer.echo(f"{place} {amount} {loud}")

    return CliRunner().invoke(app, words)


def test_a_groups_fields_are_options_of_their_own() -> None:
    found = run("here", "--out", "x", "--count", "5", "--name", "a", "--name", "b", "--loud")
    given = Amount(out=Path("x"), count=5, named=["a", "b"])
    assert (found.exit_code, found.output) == (0, f"here {given} True\n")


def test_a_field_that_is_not_given_has_its_default() -> None:
    assert run("here", "--out", "x").output == f"here {Amount(out=Path('x'))} False\n"


def test_a_field_without_a_default_has_to_be_given() -> None:
    found = run("here")
    assert found.exit_code == 2
    assert "--out" in found.output


def test_a_fields_range_is_checked_as_an_options() -> None:
    assert run("here", "--out", "x", "--count", "0").exit_code == 2


def test_the_help_is_the_commands_and_the_fields() -> None:
    found = run("--help").output
    assert "Tell what was given." in found
    assert "How many." in found
    assert "[default: 3]" in found
