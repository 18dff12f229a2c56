"""Where a block of Python is missing: what tree-sitter makes of unfinished code.

Only the last lines before the cursor are parsed, so the work does not grow with the document.
"""

from collections.abc import Iterator
from functools import cache

import tree_sitter
import tree_sitter_python

from lsp_server.contract.stopping import ONE_LINE, Extent, Shape, columns

HEADERS = frozenset(
    ("def", "class", "if", "elif", "else", "for", "while", "with", "try", "except", "finally")
    + ("async", "match", "case")
)
OPENERS = {"(": ")", "[": "]", "{": "}"}


def block_by_grammar(near: str, line: str, below: list[str]) -> Extent:
    """The extent at the end of the latest lines, on the cursor's line, with those below it."""
    tree = parser().parse(near.encode(errors="replace"))
    last = last_leaf(tree.root_node, comments=bool(line.strip()))
    if last is None or in_string(last):
        return ONE_LINE
    if start := header_start(last):
        return body_extent(start.start_point.column, line, below)
    if not line.strip() and in_bracket(last):
        return Extent(Shape.BLOCK, columns(line))
    return ONE_LINE


def body_extent(header: int, line: str, below: list[str]) -> Extent:
    """A block under a header `header` columns in, unless the lines `below` are its body."""
    following = next((text for text in below if text.strip()), "")
    if following and columns(following) > header:
        return ONE_LINE
    indent = header + 1 if line.strip() else max(columns(line), header + 1)
    return Extent(Shape.BLOCK, indent)


@cache
def parser() -> tree_sitter.Parser:
    """The parser for Python."""
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))


def last_leaf(root: tree_sitter.Node, *, comments: bool) -> tree_sitter.Node | None:
    """The last token with text, a comment only if `comments`; None in an empty file."""
    node = root
    while children := [child for child in node.children if counts(child, comments)]:
        node = children[-1]
    return None if node == root else node


def counts(node: tree_sitter.Node, comments: bool) -> bool:
    """Whether a node has text, and is a comment only if `comments`."""
    return node.end_byte > node.start_byte and (comments or node.type != "comment")


def header_start(colon: tree_sitter.Node) -> tree_sitter.Node | None:
    """The keyword of the compound statement whose header ends at `colon`; None for other tokens."""
    parent = colon.parent
    if colon.type != ":" or parent is None:
        return None
    if parent.type != "ERROR":
        return parent.children[0] if parent.children[0].type in HEADERS else None
    earlier = [node for node in parent.children if node.start_byte < colon.start_byte]
    keywords = [node for node in earlier if node.type in HEADERS]
    return keywords[-1] if keywords and not in_bracket(colon) else None


def in_bracket(leaf: tree_sitter.Node) -> bool:
    """Whether the text after a token stands inside a bracket that is still open."""
    expected: list[str] = []
    for node in reversed(list(preceding(leaf))):
        if node.type in OPENERS.values():
            expected.append(node.type)
        elif node.type in OPENERS:
            if not expected:
                return True
            expected.pop()
    return False


def in_string(leaf: tree_sitter.Node) -> bool:
    """Whether the text after a token stands inside a string that is still open."""
    types = [node.type for node in preceding(leaf)]
    return types.count("string_start") > types.count("string_end")


def preceding(leaf: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """A token and what stands before it, from the outside in; brackets around it are among that."""
    ancestors = [leaf]
    while (parent := ancestors[-1].parent) is not None:
        ancestors.append(parent)
    for ancestor in reversed(ancestors):
        siblings = ancestor.parent.children if ancestor.parent else []
        for node in siblings:
            if node.start_byte < ancestor.start_byte:
                yield from node.children if node.type == "ERROR" else [node]
    yield leaf
