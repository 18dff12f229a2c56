"""Names by their letters alone: takes a text in a file that does not parse, gives unseen names."""

import builtins
import keyword
import re

KNOWN = frozenset((*dir(builtins), *keyword.kwlist, *keyword.softkwlist, "self", "cls"))
STRING_OR_COMMENT = re.compile(
    r"\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|\"(?:[^\"\\\n]|\\.)*(?:\"|$)|'(?:[^'\\\n]|\\.)*(?:'|$)"
    r"|#[^\n]*",
    re.DOTALL | re.MULTILINE,
)
NAME = re.compile(r"(?<![\w.])[^\W\d]\w*(?!\w)(?!\s*=(?!=))")
"""A name that is no attribute, no keyword of a call, and nothing that is assigned to."""
WORD = re.compile(r"\w+")


def unseen_names(prefix: str, text: str, suffix: str, truth: str) -> frozenset[str]:
    """Names that the text uses, that are no builtin, and that stand nowhere else in the file."""
    start = len(prefix)
    while start and (prefix[start - 1].isalnum() or prefix[start - 1] == "_"):
        start -= 1
    code = STRING_OR_COMMENT.sub(" ", prefix[start:] + text)
    used = set(NAME.findall(code)) - KNOWN
    if not used:
        return frozenset()
    return frozenset(used - set(WORD.findall(f"{prefix[:start]} {suffix} {truth}")))
