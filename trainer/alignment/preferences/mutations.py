"""Breaks code in one place, in ways that static analysis notices."""

import keyword
import random
import re
from collections.abc import Callable, Iterator

TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
BRACKETS = frozenset("()[]{}")
PUNCTUATION = frozenset("()[]{}:,.=+-*/\"'")

Tokens = list[str]
Mutation = Callable[[Tokens, random.Random], Tokens | None]
"""Takes tokens that together are the text, gives other ones; None where it finds nothing to do."""


def mutate(text: str, rng: random.Random) -> Iterator[str]:
    """The text broken in every way there is, in an order drawn from `rng`; never unchanged."""
    tokens = TOKEN.findall(text)
    order = list(MUTATIONS)
    rng.shuffle(order)
    for mutation in order:
        changed = mutation(list(tokens), rng)
        if changed is not None and (broken := "".join(changed)) != text:
            yield broken


def drop_bracket(tokens: Tokens, rng: random.Random) -> Tokens | None:
    """Leave out one bracket."""
    return without(tokens, [at for at, token in enumerate(tokens) if token in BRACKETS], rng)


def drop_punctuation(tokens: Tokens, rng: random.Random) -> Tokens | None:
    """Leave out one mark that is no bracket."""
    marks = PUNCTUATION - BRACKETS
    return without(tokens, [at for at, token in enumerate(tokens) if token in marks], rng)


def double_token(tokens: Tokens, rng: random.Random) -> Tokens | None:
    """Write one token twice, as a model does that repeats itself."""
    places = [at for at, token in enumerate(tokens) if not token.isspace()]
    if not places:
        return None
    at = rng.choice(places)
    return [*tokens[: at + 1], " ", *tokens[at:]]


def misspell(tokens: Tokens, rng: random.Random) -> Tokens | None:
    """Swap two letters of one name."""
    names = [at for at, token in enumerate(tokens) if is_name(token)]
    if not names:
        return None
    at = rng.choice(names)
    name = tokens[at]
    places = [place for place in range(len(name) - 1) if name[place] != name[place + 1]]
    if not places:
        return None
    place = rng.choice(places)
    tokens[at] = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    return tokens


def stop_early(tokens: Tokens, rng: random.Random) -> Tokens | None:
    """Leave out the end."""
    return tokens[: rng.randint(1, len(tokens) - 1)] if len(tokens) > 1 else None


def without(tokens: Tokens, places: list[int], rng: random.Random) -> Tokens | None:
    """The tokens without the one at one of the places."""
    if not places:
        return None
    at = rng.choice(places)
    return [*tokens[:at], *tokens[at + 1 :]]


def is_name(token: str) -> bool:
    """Whether a token names something and is long enough to be misspelt."""
    return token.isidentifier() and not keyword.iskeyword(token) and len(token) > 2


MUTATIONS: tuple[Mutation, ...] = (
    drop_bracket,
    drop_punctuation,
    double_token,
    misspell,
    stop_early,
)
