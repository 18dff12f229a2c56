"""Which licences of models forbid some uses."""

import re

RESTRICTED = re.compile(
    r"(^|[-_])(nc|nd)([-_.]|$)|non-?commercial|research|mnpl|other|unknown|^license", re.IGNORECASE
)


def forbids(licence: str) -> bool:
    """Whether a licence forbids some uses, or a model's card does not say which it is."""
    return not licence or RESTRICTED.search(licence) is not None
