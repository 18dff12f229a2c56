"""The prompt layout, shared by training, evaluation and serving.

    plain   <|file|> [<|path|> path] <|prefix|> text <|end|>
    PSM     <|file|> [<|path|> path] <|prefix|> prefix <|suffix|> suffix <|middle|> middle <|end|>
    SPM     <|file|> [<|path|> path] <|suffix|> suffix <|prefix|> prefix middle <|end|>

SPM is what is served: the long suffix stands before the prefix, so a key press changes only the
last few tokens and the KV cache of all before them survives. Related text from other files stands
where the prefix begins, as code further up would. No marker parts prefix and middle (as in Bavarian
et al. 2022): the middle is plain continuation, which a small model learns first.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

from tokenizers import Tokenizer

from lsp_server.contract.bundles import prompt_layout
from lsp_server.contract.bundles.prompt_layout import OWN, Layout
from lsp_server.contract.line_tokens import split_before_line_ends, well_formed
from lsp_server.contract.recall import Recall
from lsp_server.errors import TokenizerError

CHARACTERS_PER_TOKEN = 16
"""No budget's tokens average more than this: bounds what is tokenized of a huge file."""

LAYOUT_SENTINELS = 4
"""In a full SPM prompt: file, path, suffix, prefix."""

LAYOUT_ROOM = 16
"""Tokens that another model's layout may have beyond them: texts between its parts."""

LONGEST_HEALED_PIECE = 64
"""Characters; a longer last piece (a base64 line, say) is not taken back."""

CLOSERS = frozenset(")]}\"'`,:;")
"""Characters that an editor or the user often has put behind the cursor already."""

REST_OF_LINE = re.compile(r"[^\r\n]*")

Ids = Sequence[int]


class Sentinel(IntEnum):
    """Ids of the tokens that no source text can produce."""

    FILE = 0
    PATH = 1
    PREFIX = 2
    SUFFIX = 3
    MIDDLE = 4
    END = 5
    PAD = 6

    @property
    def text(self) -> str:
        """The token as it stands in tokenizer.json, such as `<|file|>`."""
        return f"<|{self.name.lower()}|>"


SENTINELS: tuple[str, ...] = tuple(sentinel.text for sentinel in Sentinel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Tokens for each part of a prompt; what path and suffix leave goes to the prefix."""

    context: int = 1024
    """Prompt and completion together."""
    completion: int = 64
    path: int = 32
    suffix: int = 256
    related: int = 256
    """For text from elsewhere; what it leaves goes to the prefix, and half of that at least."""
    prefix_hop: float = 0.25
    """Share of the prefix budget by which its start moves on, so that typing seldom moves it."""
    layout: Layout = OWN
    """The model's own order of the parts."""
    heal: bool = True
    """Leave the unfinished piece at the cursor to the completion (token healing)."""

    @property
    def prefix(self) -> int:
        """Tokens left for the prefix once path, suffix, sentinels and completion have theirs."""
        return self.context - self.completion - self.path - self.suffix - LAYOUT_SENTINELS


def budget_for(context: int) -> Budget:
    """The default budget, its parts cut down for a model that reads only `context` tokens."""
    whole = Budget()
    return Budget(
        context=context,
        completion=min(whole.completion, context // 4),
        path=min(whole.path, context // 32),
        suffix=min(whole.suffix, context // 4),
        related=min(whole.related, context // 4),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The texts that a prompt is made of."""

    path: str = ""
    prefix: str = ""
    suffix: str = ""
    related: tuple[str, ...] = ()
    """Text from elsewhere, what helps most and changes least first; each ends its last line."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the engine reads."""

    ids: tuple[int, ...]
    heal: str = ""
    """Text right before the cursor that `ids` leave out; the completion starts with it."""
    recall: Recall | None = field(default=None, compare=False)
    """What else is known of the project; engines may use it."""
    owner: str = field(default="", compare=False)
    """Whose text it is, where an engine serves several people: none is told what another's prompts
    have left in a cache, not even by how fast an answer comes."""
    parts: Parts | None = field(default=None, compare=False, repr=False)
    """The texts that it was made of, uncut, for engines whose model reads other ids."""


class TextTokenizer(Protocol):
    """What turns text into ids: a `tokenizers.Tokenizer`, or a `LineTokenizer` over one."""

    @property
    def pre_tokenizer(self) -> Any:
        """What splits text into pieces, None where nothing does."""
        ...

    def encode(self, text: str, *, add_special_tokens: bool) -> Any:
        """An object with the text's `ids`."""
        ...


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a bundle or a run, set so that source text never becomes a sentinel.

    Raises TokenizerError where the file is missing, unreadable, or has other sentinels.
    """
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as exc:  # the library raises bare Exception
        raise TokenizerError(f"{path} is not a readable tokenizer file: {exc}") from exc
    return guard_sentinels(tokenizer, str(path))


def guard_sentinels(tokenizer: Tokenizer, name: str) -> Tokenizer:
    """The same tokenizer, its sentinel ids checked, told to read sentinels in text as text."""
    found = {text: tokenizer.token_to_id(text) for text in SENTINELS}
    expected = {sentinel.text: int(sentinel) for sentinel in Sentinel}
    if found != expected:
        raise TokenizerError(
            f"{name}: expected sentinel ids {expected}, found {found}; "
            "rebuild it with: lory-train tokenizer"
        )
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode(tokenizer: TextTokenizer, text: str) -> list[int]:
    """Token ids of source text; never a sentinel."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def decode(tokenizer: Tokenizer, ids: Ids) -> str:
    """Text of token ids; sentinels are left out, broken UTF-8 becomes U+FFFD."""
    text: str = tokenizer.decode(list(ids), skip_special_tokens=True)
    return text


def header(path_ids: Ids) -> list[int]:
    """Start of every layout; without a path its sentinel is left out too."""
    return [Sentinel.FILE, Sentinel.PATH, *path_ids] if path_ids else [Sentinel.FILE]


def plain(path_ids: Ids, text_ids: Ids) -> list[int]:
    """Left-to-right layout, up to and without the end token."""
    return [*header(path_ids), Sentinel.PREFIX, *text_ids]


def psm(path_ids: Ids, prefix_ids: Ids, suffix_ids: Ids) -> list[int]:
    """Prefix-suffix-middle layout, up to and with `<|middle|>`."""
    start = [*header(path_ids), Sentinel.PREFIX, *prefix_ids]
    return [*start, Sentinel.SUFFIX, *suffix_ids, Sentinel.MIDDLE]


def spm(path_ids: Ids, prefix_ids: Ids, suffix_ids: Ids) -> list[int]:
    """Suffix-prefix-middle layout, up to the end of the prefix; the middle goes straight on."""
    start = [*header(path_ids), Sentinel.SUFFIX, *suffix_ids]
    return [*start, Sentinel.PREFIX, *prefix_ids]


def last_piece(tokenizer: TextTokenizer, prefix: str) -> str:
    """The unfinished piece at the end of `prefix`, as the tokenizer splits text; "" for none.

    Left to the completion (token healing), it leaves the tokens of finished text. It is looked for
    from the last line with text on: many take blank lines and indentation together.
    """
    near = prefix[-4 * LONGEST_HEALED_PIECE :]
    start = near.rstrip().rfind("\n")
    if start > 0 and near[start - 1] == "\r":
        start -= 1
    tail = well_formed(near[max(start, 0) :])
    if not tail or tokenizer.pre_tokenizer is None:
        return ""
    _, (begin, _) = tokenizer.pre_tokenizer.pre_tokenize_str(tail)[-1]
    piece = tail[begin:]
    return piece if len(piece) <= LONGEST_HEALED_PIECE else ""


def clip_prefix(tokenizer: TextTokenizer, prefix: str, budget: int, hop: float) -> list[int]:
    """Ids of the latest text of `prefix` that fits `budget` tokens, from a line's start on.

    The start moves in hops: while one types, it stays, and so do the tokens after it.
    """
    hop_characters = max(1, int(budget * hop * 3))
    reach = budget * CHARACTERS_PER_TOKEN
    start = max(0, -(-(len(prefix) - reach) // hop_characters) * hop_characters)
    while True:
        line = start and prefix.find("\n", start) + 1
        ids = encode(tokenizer, prefix[line or start :])
        if len(ids) <= budget:
            return ids
        if start + hop_characters >= len(prefix):
            return ids[-budget:]
        surplus = int((len(ids) - budget) / len(ids) * (len(prefix) - start)) // 2
        start += max(1, surplus // hop_characters) * hop_characters


def clip_related(tokenizer: TextTokenizer, texts: Iterable[str], budget: int) -> list[int]:
    """Ids of the texts in a row and two blank lines, as far as whole lines fit `budget` tokens."""
    text = "".join(texts)[: budget * CHARACTERS_PER_TOKEN]
    end = encode(tokenizer, "\n\n\n")
    ids: list[int] = []
    for line in split_before_line_ends(text.rstrip("\n")) if text.strip() else ():
        more = encode(tokenizer, line)
        if len(ids) + len(more) + len(end) > budget:
            break
        ids += more
    return [*ids, *end] if ids else []


def settled(suffix: str) -> str:
    """The suffix without closing marks that are all that is left of the cursor's line.

    Editors put them there and take them away while one types, and each time the suffix, which
    stands first in the prompt, would change at its start. The completion writes its own; what is
    there twice is cut from it before it is shown.
    """
    rest = REST_OF_LINE.match(suffix)
    assert rest is not None  # it may be empty
    return suffix[rest.end() :] if CLOSERS.issuperset(rest[0].strip()) else suffix


def build(tokenizer: TextTokenizer, path: str, prefix: str, suffix: str, budget: Budget) -> Prompt:
    """The prompt of one file alone, as it is trained and evaluated; see `assemble`."""
    return assemble(tokenizer, Parts(path=path, prefix=prefix, suffix=suffix), budget)


def assemble(tokenizer: TextTokenizer, parts: Parts, budget: Budget) -> Prompt:
    """The prompt that is served, in the budget's layout, each part cut to its budget."""
    piece = last_piece(tokenizer, parts.prefix) if budget.heal else ""
    path_ids = encode(tokenizer, parts.path)[-budget.path :] if parts.path else []
    after = settled(parts.suffix)[: budget.suffix * CHARACTERS_PER_TOKEN]
    suffix_ids = encode(tokenizer, after)[: budget.suffix]
    room = budget.prefix - LAYOUT_ROOM * (budget.layout != OWN)
    related_ids = clip_related(tokenizer, parts.related, min(budget.related, room // 2))
    whole = parts.prefix[: len(parts.prefix) - len(piece)]
    above, near = prompt_layout.part_prefix(budget.layout, whole)
    room -= len(related_ids)
    near_ids = clip_prefix(tokenizer, near, room // 2 if above else room, budget.prefix_hop)
    left = room - max(len(near_ids), room // 4)  # by steps: its start stays
    above_ids = clip_prefix(tokenizer, above, left, budget.prefix_hop)
    given = path_ids, suffix_ids, [*related_ids, *above_ids], near_ids
    fields = prompt_layout.fill(budget.layout, *given)
    ids = prompt_layout.lay_out(budget.layout, fields, SENTINELS, tokenizer)
    return Prompt(tuple(ids), piece, parts=parts)


def left_to_right(tokenizer: Tokenizer, path: str, prefix: str, budget: Budget) -> Prompt:
    """The plain layout of a file up to the cursor, healed and cut as the served prompt is.

    What the budget has for a suffix is left unused.
    """
    piece = last_piece(tokenizer, prefix) if budget.heal else ""
    path_ids = encode(tokenizer, path)[-budget.path :] if path and budget.path else []
    whole = prefix[: len(prefix) - len(piece)]
    ids = clip_prefix(tokenizer, whole, budget.prefix, budget.prefix_hop)
    return Prompt(tuple(plain(path_ids, ids)), piece)
