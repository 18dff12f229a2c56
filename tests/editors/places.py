"""Places in Python files as people meet them in an editor, and what the shipped model gives there.

`tests/cases/places.txt` has them: a title, the text with `¦` at the cursor and `→` for a tab, how
the model is asked, in a file of which line ends, and what is shown.
"""

import re
from ast import literal_eval
from dataclasses import dataclass
from pathlib import Path

CASES = Path(__file__).parents[1] / "cases" / "places.txt"
CASE = re.compile(r"(.*?)\n(.*)\n(typed|asked)(, CRLF)?\ngives (.*)\n*", re.DOTALL)
CLOSED = {'"': '"', "'": "'", "(": ")", "[": "]", "{": "}"}
"""What an editor that closes marks puts behind a typed one."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor in a file."""

    title: str
    before: str
    after: str
    asked: bool
    """By a key for it; otherwise by typing the last character before the cursor."""
    line_end: str
    gives: str
    """What is shown; "" for nothing."""

    @property
    def start(self) -> tuple[str, str]:
        """The text before the cursor and after it, before the last character is typed."""
        return (self.before, self.after) if self.asked else (self.before[:-1], self.after)

    @property
    def start_unclosed(self) -> tuple[str, str]:
        """The same where the editor itself puts the closing mark behind what is typed."""
        before, after = self.start
        mark = CLOSED.get(self.before[-1]) if not self.asked else None
        return before, after.removeprefix(mark) if mark else after

    @property
    def typed(self) -> str:
        """What is left to type."""
        return "" if self.asked else self.before[-1]

    @property
    def end(self) -> str:
        """The text once what is shown is taken, with plain line ends."""
        return self.before + self.gives + self.after


def read_places() -> list[Place]:
    """All of them, in their order."""
    places = []
    for part in re.split("^== ", CASES.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        found = CASE.fullmatch(part)
        assert found, part
        title, text, how, wide, gives = found.groups()
        before, after = text.replace("→", "\t").split("¦")
        shown = "" if gives.strip() == "nothing" else literal_eval(gives.strip())
        line_end = "\r\n" if wide else "\n"
        places.append(Place(title, before, after + "\n", how == "asked", line_end, shown))
    return places
