"""What `lory try` prints: the answer in words, a table, and one example of each."""

from collections.abc import Sequence

from rich.table import Table

from lsp_server.bench.commits.examples import Example
from lsp_server.bench.commits.figures import ServerFigures
from lsp_server.bench.commits.trial import Trial
from lsp_server.bench.reporting.bootstrapping import Rate
from lsp_server.bench.reporting.wording import in_points, milliseconds, percent

FEW_COMMITS = 5
"""An interval over fewer says little."""


def report_text(trial: Trial, figures: Sequence[ServerFigures]) -> tuple[str, str]:
    """What stands above and below the table."""
    return answer(trial, figures[0]), "\n".join([*examples(figures), *notes(trial)])


def answer(trial: Trial, first: ServerFigures) -> str:
    """The answer in two sentences."""
    typing = first.typing
    wrong = typing.suggestions - typing.taken
    last = counted(len(trial.commits))
    return (
        f"Of {typing.characters} characters that the last {last} with Python "
        f"added to {trial.name}, Lory would have typed {share(typing.saved)}.\n"
        f"It made {typing.suggestions} suggestions: {typing.taken} of them were what was "
        f"written next, {wrong} {'was' if wrong == 1 else 'were'} not."
    )


def report_table(figures: Sequence[ServerFigures]) -> Table:
    """A column for each server."""
    table = Table("", *(each.name for each in figures))
    for name, *cells in rows(figures):
        table.add_row(name, *cells)
    return table


def rows(figures: Sequence[ServerFigures]) -> list[tuple[str, ...]]:
    """Every figure with its name and its value for each server."""
    typing = [each.typing for each in figures]
    found = [
        ("commits, characters", *(f"{each.commits}, {each.typing.characters}" for each in figures)),
        ("saved, with its 95 % interval", *(percent(each.saved) for each in typing)),
        ("acceptance", *(percent(each.acceptance) for each in typing)),
        ("suggestions that were wrong", *(wrong(each) for each in figures)),
        ("typed between two wrong ones", *(between(each) for each in figures)),
        ("wait, p50 / p95", *(milliseconds(each.latency, "p50", "p95") for each in typing)),
        ("errors, timeouts", *(f"{each.errors}, {each.timeouts}" for each in typing)),
    ]
    if len(figures) > 1:
        found += [
            ("saved, against Lory there", *(changed(each.saved_change) for each in figures)),
            ("acceptance, against Lory", *(changed(each.acceptance_change) for each in figures)),
        ]
    return found


def wrong(figures: ServerFigures) -> str:
    """How often it was wrong."""
    typing = figures.typing
    count = typing.suggestions - typing.taken
    return f"{count} of {typing.suggestions}: {percent(figures.wrong)}"


def between(figures: ServerFigures) -> str:
    """Characters of code for each wrong suggestion."""
    count = figures.typing.suggestions - figures.typing.taken
    return f"{figures.typing.characters / count:.0f} characters" if count else "never wrong"


def changed(rate: Rate | None) -> str:
    """A change, or nothing for the first server."""
    return "" if rate is None else in_points(rate)


def share(rate: Rate) -> str:
    """A share without its interval."""
    return "nothing" if rate.value is None else f"{rate.value:.0%}"


def counted(commits: int) -> str:
    """A number of commits in words."""
    return "commit" if commits == 1 else f"{commits} commits"


def examples(figures: Sequence[ServerFigures]) -> list[str]:
    """The first server's longest right and longest wrong suggestion."""
    lines = []
    for title, example in (
        ("Its longest right suggestion", figures[0].right_example),
        ("Its longest wrong suggestion", figures[0].wrong_example),
    ):
        if example is not None:
            lines += ["", f"{title} (in [ ]):", *indented(shown(example))]
    wrong_one = figures[0].wrong_example
    if wrong_one is not None:
        lines += ["where this was written:", *indented(wrong_one.line + wrong_one.truth)]
    return lines


def shown(example: Example) -> str:
    """The line, with the suggestion in brackets."""
    return f"{example.line}[{example.suggested}]"


def indented(text: str) -> list[str]:
    """Lines of code, set off from prose."""
    return [f"    {line}" for line in text.split("\n")]


def notes(trial: Trial) -> list[str]:
    """What a reader has to know about the figures."""
    lines = ["", f"{trial.seconds:.0f} s. The last {trial.looked_at} commits were looked at."]
    if trial.out_of_time:
        lines.append("The time was over before older commits; allow more with --seconds.")
    if len(trial.commits) < FEW_COMMITS:
        lines.append("So few commits say little: the intervals are too narrow.")
    if trial.left_out:
        count = len(trial.left_out)
        lines.append(f"Commits that could not be read: {count}. {trial.left_out[0]}")
    return lines
