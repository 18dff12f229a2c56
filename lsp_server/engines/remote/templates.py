"""Writes the prompt of a family's model as text, of which source can never become a mark.

Where a family wants the prefix in front, the hole opens some lines above the cursor: what is typed
below stands behind the last mark, so that a key changes the end of the prompt alone.
"""

import re

from lsp_server.contract.bundles.fim_families import FAMILIES, Family
from lsp_server.contract.bundles.prompt_layout import part_at_anchor
from lsp_server.engines.remote.options import PLAIN, SUFFIX
from lsp_server.engines.remote.service import Ask

ENDS = ("<|endoftext|>", "<|fim_pad|>", "<EOT>", "</s>", "<|im_end|>", "<|end|>")
"""What other special tokens look like."""


def write_prompt(way: str, ask: Ask) -> str:
    """The prompt as one text; `way` is `plain` or a family."""
    if way in (PLAIN, SUFFIX):
        return ask.prefix
    family = FAMILIES[way]
    prefix, suffix = disarm(ask.prefix, family), disarm(ask.suffix, family)
    if not family.suffix_first:
        head, typed = part_at_anchor(prefix)
        return f"{family.prefix}{head}{family.suffix}{suffix}{family.middle}{typed}"
    if family.middle:
        return f"{family.prefix}{family.suffix}{suffix}{family.middle}{prefix}"
    return f"{family.suffix}{suffix}{family.prefix}{prefix}"


def disarm(text: str, family: Family) -> str:
    """The text with a blank in each mark that it speaks of."""
    marks = "|".join(map(re.escape, (*family.marks, *ENDS)))
    return re.sub(marks, lambda found: f"{found[0][0]} {found[0][1:]}", text)
