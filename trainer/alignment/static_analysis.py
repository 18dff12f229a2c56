"""Static analysis of a completion in its file: does it parse, are its names defined?

What does not depend on the text is worked out once for each cursor: the statements of the file that
a completed line cannot touch are parsed once and kept without the bodies of their functions, since
these bind no name that another function sees.
"""

import ast
import builtins
import keyword
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from lsp_server.contract.languages.syntax import parser
from lsp_server.contract.stopping import LINE_END

CURSORS_KEPT = 256
TEXTS_KEPT = 1024
FAR_BELOW = 1_000_000
"""Added to the lines of statements below the cursor, which a longer text would overlap."""

STATEMENT = re.compile(r"^(?!(?:else|elif|except|finally)\b)(?:[^\W\d]|@)", re.MULTILINE)
"""Where a statement at the left margin begins, as far as one can say without parsing."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Finding:
    """What static analysis says of a text in its file."""

    parses: bool
    """The whole file, or where it did not parse before either, the statement around the cursor."""
    undefined: frozenset[str] | None
    """Names in the completed lines that nothing defines; None unless the whole file parses."""


@dataclass(frozen=True, slots=True)
class Around:
    """A file cut at a cursor: statements above, lines that the text may touch, statements below."""

    whole: bool
    """Whether the file parsed as it was; `above` and `below` are empty where not."""
    above: tuple[ast.stmt, ...]
    head: str
    """Lines from the first touched statement on, up to the cursor."""
    first_line: int
    """Number of the first line of `head`, from 1."""
    cursor_line: int
    tail: str
    """What follows the cursor, to the end of the last touched statement."""
    below: tuple[ast.stmt, ...]


@lru_cache(TEXTS_KEPT)
def analyse(prefix: str, text: str, suffix: str, known: str) -> Finding:
    """What is wrong with `text` in its file; `known` stands there in the file as it was.

    A name that is undefined anywhere in the file as it was counts for no text.
    """
    around = cut_at(prefix, known, suffix)
    touched = parse_around(around, text)
    tree = touched if around.whole and touched else parse(prefix + text + suffix)
    if tree is None:
        return Finding(touched is not None, None)
    lines = count_lines(text)
    found = undefined_names(tree, range(around.cursor_line, around.cursor_line + lines))
    return Finding(True, found - undefined_before(prefix, known, suffix) if found else found)


@lru_cache(CURSORS_KEPT)
def undefined_before(prefix: str, known: str, suffix: str) -> frozenset[str]:
    """Names that nothing defines in the file as it was."""
    around = cut_at(prefix, known, suffix)
    tree = parse_around(around, known) if around.whole else None
    return undefined_names(tree, None) if tree else frozenset()


@lru_cache(CURSORS_KEPT)
def cut_at(prefix: str, known: str, suffix: str) -> Around:
    """The file around the cursor."""
    line = count_lines(prefix)
    tree = parse(prefix + known + suffix)
    if tree is None:
        start = max((found.start() for found in STATEMENT.finditer(prefix)), default=0)
        below = next((at for found in STATEMENT.finditer(suffix) if (at := found.start())), None)
        first = count_lines(prefix[:start])
        return Around(False, (), prefix[start:], first, line, suffix[:below], ())
    last = line + count_lines(known) - 1
    touched = [stmt for stmt in tree.body if first_line(stmt) <= last and end_line(stmt) >= line]
    start = min([line, *map(first_line, touched)])
    end = max([last, *map(end_line, touched)])
    above = [stmt for stmt in tree.body if end_line(stmt) < start]
    after = [stmt for stmt in tree.body if first_line(stmt) > end]
    for stmt in after:
        ast.increment_lineno(stmt, FAR_BELOW)
    head = prefix[start_of_line(prefix, start) :]
    tail = suffix[: start_of_line(suffix, end - last + 2)]
    return Around(True, outline(above), head, start, line, tail, outline(after))


def parse_around(around: Around, text: str) -> ast.Module | None:
    """The file's tree with a text in it; None where those lines alone do not parse."""
    tree = parse("\n" * (around.first_line - 1) + around.head + text + around.tail)
    if tree is None:
        return None
    last = around.cursor_line + count_lines(text) - 1
    touched = outline(tree.body, around.cursor_line, last)
    return ast.Module([*around.above, *touched, *around.below], [])


def parse(source: str) -> ast.Module | None:
    """The tree of source code, or None; what Python warns of in it is left unsaid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def undefined_names(tree: ast.Module, lines: range | None) -> frozenset[str]:
    """Names that pyflakes finds undefined, in these lines or anywhere."""
    from pyflakes.checker import Checker
    from pyflakes.messages import UndefinedLocal, UndefinedName

    try:
        messages = Checker(tree).messages
    except RecursionError:
        return frozenset()
    return frozenset(
        message.message_args[0]
        for message in messages
        if isinstance(message, UndefinedName | UndefinedLocal)
        and (lines is None or message.lineno in lines)
    )


def outline(statements: Iterable[ast.stmt], first: int = 0, last: int = -1) -> tuple[ast.stmt, ...]:
    """The statements; functions that no line of `first` to `last` belongs to lose their bodies."""
    kept = tuple(statements)
    for function in outermost_functions(kept, first, last):
        declared = [
            node for node in ast.walk(function) if isinstance(node, ast.Global | ast.Nonlocal)
        ]
        function.body = [*declared, ast.copy_location(ast.Pass(), function)]
    return kept


def outermost_functions(nodes: Iterable[ast.AST], first: int, last: int) -> Iterator[Function]:
    """Functions outside these lines that stand in no other such function."""
    for node in nodes:
        if isinstance(node, Function) and (first_line(node) > last or end_line(node) < first):
            yield node
        elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield from outermost_functions(ast.iter_child_nodes(node), first, last)


def first_line(node: ast.stmt) -> int:
    """Of a statement, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def end_line(node: ast.stmt) -> int:
    """Of a statement."""
    return node.end_lineno or node.lineno


def count_lines(text: str) -> int:
    """Lines that a text takes; 1 without a line end."""
    return len(LINE_END.findall(text)) + 1


def start_of_line(text: str, number: int) -> int:
    """Where a line begins, from 1; the text's end where there are fewer."""
    if number <= 1:
        return 0
    ends = [found.end() for found in LINE_END.finditer(text)]
    return ends[number - 2] if number - 2 < len(ends) else len(text)


@lru_cache(CURSORS_KEPT)
def parsed_before(prefix: str, known: str, suffix: str) -> bool:
    """Whether the file, or the statement around the cursor, parsed as it was."""
    around = cut_at(prefix, known, suffix)
    return around.whole or parse_around(around, known) is not None


def grammar_errors(prefix: str, text: str, suffix: str, known: str) -> int:
    """Places in the completed lines where tree-sitter's grammar breaks, beyond those with `known`.

    Where that is "", all of them: at most cursors a file without a text is broken.
    """
    before = errors_as_it_was(prefix, known, suffix) if known else 0
    return max(0, errors_near(cut_at(prefix, known, suffix), text) - before)


@lru_cache(CURSORS_KEPT)
def errors_as_it_was(prefix: str, known: str, suffix: str) -> int:
    """Such places in the file as it was."""
    return errors_near(cut_at(prefix, known, suffix), known)


def errors_near(around: Around, text: str) -> int:
    """Errors and missing tokens in the touched lines that begin no later than one line below."""
    tree = parser().parse((around.head + text + around.tail).encode(errors="replace"))
    if not tree.root_node.has_error:
        return 0
    first = around.cursor_line - around.first_line
    last = first + count_lines(text)
    count, stack = 0, [tree.root_node]
    while stack:
        node = stack.pop()
        if node.start_point.row > last or node.end_point.row < first:
            continue
        count += node.is_error or node.is_missing
        stack.extend(child for child in node.children if child.has_error or child.is_missing)
    return count


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
