"""Detects completions that do nothing where the truth does something.

Such text breaks no rule that is asked of it, so a policy finds it where nothing holds it back.
"""

from collections.abc import Callable
from dataclasses import replace

from lsp_server.contract.stopping import last_line, split
from trainer.alignment.rewards.protocol import Completion

EMPTY_STATEMENTS = frozenset(("pass", "..."))


def is_idle(completion: Completion) -> bool:
    """Whether it is blank; or, where the truth is code, nothing but comments or `pass`.

    What the truth is as well is not idle.
    """
    if is_blank(completion):
        return True
    if not completion.truth.strip():
        return False
    return any(unlike_truth(sign, completion) for sign in (is_pass, is_comment))


def unlike_truth(sign: Callable[[Completion], bool], completion: Completion) -> bool:
    """Whether the text shows a sign that the truth in its place does not."""
    return sign(completion) and not sign(replace(completion, text=completion.truth))


def is_blank(completion: Completion) -> bool:
    """Whether nothing was written where something is wanted."""
    wanted = bool(completion.truth.strip()) or not completion.truth
    return wanted and not completion.text.strip()


def is_pass(completion: Completion) -> bool:
    """Whether the text, or its lines, do nothing."""
    if completion.text.strip().lstrip(":").strip() in EMPTY_STATEMENTS:
        return True
    lines = {line.partition("#")[0].strip() for line in completed_lines(completion)} - {""}
    return bool(lines) and bool(completion.text.strip()) and lines <= EMPTY_STATEMENTS


def is_comment(completion: Completion) -> bool:
    """Whether each of its lines is a comment, or a comment is all that is added to one."""
    lines = [line.strip() for line, _, _ in split(completion.text)]
    if last_line(completion.prefix).lstrip().startswith("#"):
        lines = lines[1:]
    kept = [line for line in lines if line]
    return bool(completion.text.strip()) and all(line.startswith("#") for line in kept)


def completed_lines(completion: Completion) -> list[str]:
    """The lines of a text, the first with what stands before the cursor."""
    return [line for line, _, _ in split(last_line(completion.prefix) + completion.text)]
