"""Compiles globs into tests that take linear time.

Of its parts, each ends where it can first: none is tried again once it was found, so that no glob
takes long, whoever has written it. `exclusions.py` says which part of a path is looked at.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from lsp_server.documents.glob_places import Anchor, GlobFault, anchored, plain_path

LONGEST = 1_000
"""Characters of a glob."""
MOST_ALTERNATIVES = 256
DEEPEST = 32
"""Braces and parentheses in a glob."""
LONGEST_SOURCE = 20_000
"""Characters of a glob's regular expressions together."""

STAR, GLOBSTAR, SLASH = "*", "**", "/"
END = "(?![^/])"
"""Of a folder's or file's name."""
BELOW = "(?=/)"
FOLDERS = "(?:[^/]*/)*?"


@dataclass(frozen=True, slots=True)
class Branch:
    """One alternative of a glob."""

    anchor: Anchor
    source: str
    """A regular expression of what it names; matched at the start, or if `free` at any folder."""
    free: bool = False


@dataclass(frozen=True, slots=True)
class Glob:
    """A glob as it was understood. One that was not names everything."""

    text: str
    branches: tuple[Branch, ...]
    fault: str = ""
    """Why it was not understood."""


Node = str | list[list["Node"]]
"""A regular expression of one character, STAR, GLOBSTAR, SLASH; or alternatives."""


@lru_cache(maxsize=1024)
def read_glob(text: str) -> Glob:
    """What a glob names; never fails."""
    try:
        branches = tuple(dict.fromkeys(branches_of(text)))
        if sum(len(branch.source) for branch in branches) > LONGEST_SOURCE:
            raise GlobFault("it has too many alternatives")
    except GlobFault as exc:
        return Glob(text, (Branch(Anchor.ANYWHERE, ""),), str(exc))
    return Glob(text, branches)


def branches_of(text: str) -> Iterator[Branch]:
    """The alternatives of a glob; GlobFault where it is none."""
    if len(text) > LONGEST or text.count("{") + text.count("(") > DEEPEST:
        raise GlobFault("it is too long or too deep")
    for anchor, rest in anchored(plain_path(text.strip())):
        nodes, _ = read_sequence(rest, 0, "")
        for tokens in expand(nodes):
            for flat in cross_folders(tokens):
                yield branch_of(split_names(flat), anchor)


def read_sequence(text: str, at: int, ends: str) -> tuple[list[Node], int]:
    """The nodes from a place on, up to one of the characters `ends` or the end of the text."""
    nodes: list[Node] = []
    while at < len(text) and text[at] not in ends:
        node, at = read_node(text, at)
        nodes.append(node)
    return nodes, at


def read_node(text: str, at: int) -> tuple[Node, int]:
    """The node at a place, and where the next one begins."""
    char, follows = text[at], text[at + 1 : at + 2]
    if char in "@?" and follows == "(":
        others, end = read_alternatives(text, at + 2, "|", ")")
        return ([[], *others] if char == "?" else others), end
    if char in "*+!" and follows == "(":
        raise GlobFault(f"{char}(...) is not known; write {{...,...}}")
    if char == "*":
        end = at + len(text[at:]) - len(text[at:].lstrip("*"))
        return (STAR if end - at == 1 else GLOBSTAR), end
    if char == "?":
        return "[^/]", at + 1
    if char == "[":
        return read_class(text, at)
    if char == "{":
        return read_braces(text, at)
    if char == "}":
        raise GlobFault("a } has no {")
    return re.escape(char), at + 1


def read_alternatives(text: str, at: int, mark: str, close: str) -> tuple[list[list[Node]], int]:
    """What stands between marks up to the closing one, and where the text goes on after it."""
    found: list[list[Node]] = []
    while True:
        nodes, at = read_sequence(text, at, mark + close)
        found.append(nodes)
        if at == len(text):
            raise GlobFault(f"a {close} is missing")
        at += 1
        if text[at - 1] == close:
            return found, at


def read_braces(text: str, at: int) -> tuple[Node, int]:
    """Alternatives in braces; a single one may also be a name that has braces itself."""
    found, end = read_alternatives(text, at + 1, ",", "}")
    if len(found) == 1:
        if ".." in text[at:end]:
            raise GlobFault("a range in braces is not known; write {1,2,3}")
        found.append([r"\{", *found[0], r"\}"])
    return found, end


def read_class(text: str, at: int) -> tuple[Node, int]:
    """One character out of several, or none of them."""
    negated = text[at + 1 : at + 2] in ("!", "^")
    start = at + 2 if negated else at + 1
    end = text.find("]", start + 1)
    inner = text[start:end]
    if end < 0 or "/" in inner or inner.startswith("[:"):
        raise GlobFault("a [ has no ], or other than characters in between")
    members = "".join(read_members(inner))
    return (f"[^/{members}]" if negated else f"[{members}]"), end + 1


def read_members(inner: str) -> Iterator[str]:
    """The characters and ranges between brackets."""
    at = 0
    while at < len(inner):
        if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner):
            first, last = inner[at], inner[at + 2]
            if first > last:
                raise GlobFault(f"the range {first}-{last} is empty")
            yield f"{re.escape(first)}-{re.escape(last)}"
            at += 3
        else:
            yield re.escape(inner[at])
            at += 1


def expand(nodes: Sequence[Node]) -> list[list[str]]:
    """Every sequence without alternatives that nodes stand for."""
    choices: list[list[list[str]]] = []
    count = 1
    for node in nodes:
        many = [[node]] if isinstance(node, str) else [flat for o in node for flat in expand(o)]
        count *= len(many)
        if count > MOST_ALTERNATIVES:
            raise GlobFault("it has too many alternatives")
        choices.append(many)
    return [[token for part in parts for token in part] for parts in product(*choices)]


def cross_folders(tokens: Sequence[str]) -> list[list[str]]:
    """The same with `**` as a name of its own only: within a name it is `*`, or crosses folders."""
    edges = ("", SLASH)
    nodes: list[Node] = []
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        within = token == GLOBSTAR and not (before in edges and after in edges)
        nodes.append([[STAR], [STAR, SLASH, GLOBSTAR, SLASH, STAR]] if within else token)
    return expand(nodes)


def split_names(tokens: Iterable[str]) -> list[list[str]]:
    """The names of folders and of the file; GlobFault where it leads up again."""
    names: list[list[str]] = [[]]
    for token in tokens:
        if token == SLASH:
            names.append([])
        else:
            names[-1].append(token)
    if [r"\.", r"\."] in names:
        raise GlobFault("'..' is not known; write the folder that it leads to")
    return [name for name in names if name and name != [r"\."]]


def branch_of(names: Sequence[list[str]], anchor: Anchor) -> Branch:
    """The alternative that some names in a row are."""
    groups: list[list[list[str]]] = [[]]
    for name in names:
        if name == [GLOBSTAR]:
            groups.append([])
        else:
            groups[-1].append(name)
    texts = [(at, "/".join(map(name_source, group))) for at, group in enumerate(groups) if group]
    if texts and not groups[-1]:
        texts[-1] = (texts[-1][0], texts[-1][1] + BELOW)
    if anchor is Anchor.ANYWHERE and len(texts) == 1:
        return Branch(anchor, texts[0][1], free=True)
    parts: list[str] = []
    for at, text in texts:
        lead = "/" if parts else ""
        floats = at or anchor is Anchor.ANYWHERE
        parts.append(f"(?>{lead}{FOLDERS}{text})" if floats else text)
    return Branch(anchor, "".join(parts))


def name_source(name: Sequence[str]) -> str:
    """The regular expression of one name, with its end."""
    chunks = [""]
    for token in name:
        if token == STAR:
            chunks.append("")
        else:
            chunks[-1] += token
    first, *others = chunks
    if not others:
        return first + END
    *middle, last = others
    parts = "".join(f"(?>[^/]*?{chunk})" for chunk in middle if chunk)
    return first + parts + (f"(?>[^/]*?{last}{END})" if last else "[^/]*+" + END)
