"""Outlines a module: its imports and the signatures of its definitions.

tree-sitter reads what stands there, unfinished or wrong as it may be; nothing is run.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from lsp_server.contract.languages.syntax import parser

LONGEST_HEAD = 240
"""Characters of one definition's head; the rest of a longer one is left out."""
MOST_MEMBERS = 24
"""Attributes and methods of a class."""
FUNCTION, CLASS, DECORATED = "function_definition", "class_definition", "decorated_definition"
TOLD_DECORATORS = frozenset((b"@property", b"@classmethod", b"@staticmethod", b"@dataclass"))
OPENED = frozenset(
    ("if_statement", "elif_clause", "else_clause", "try_statement", "except_clause")
    + ("finally_clause", "block", "ERROR")
)
DEEPEST = 12
"""Statements and their blocks, within each other."""
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a file imports."""

    module: tuple[str, ...]
    """The module's name in parts, without leading dots."""
    level: int
    """Leading dots."""
    name: str
    """What is taken out of the module; "" where it is the module itself."""
    alias: str
    """What the file calls it; of `import a.b` the first part."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A class, a function or a value at a module's top level."""

    name: str
    head: str
    """Its first lines: signature, first line of the docstring, of a class its members."""


@dataclass(frozen=True, slots=True)
class Module:
    """What is defined and imported at the top level."""

    definitions: tuple[Definition, ...]
    imports: tuple[Import, ...]

    def find(self, name: str) -> Definition | None:
        """The last definition of a name."""
        found = [item for item in self.definitions if item.name == name]
        return found[-1] if found else None


def read_module(source: str) -> Module:
    """The outline of a module's source."""
    root = parser().parse(source.encode(errors="replace")).root_node
    nodes = list(top_level(root))
    definitions = [found for node in nodes if (found := definition_of(node)) is not None]
    imports = [found for node in nodes for found in imports_of(node)]
    return Module(tuple(definitions), tuple(imports))


def top_level(node: Node, depth: int = 0) -> Iterator[Node]:
    """Statements at the left margin, those under `if` and `try` too, unless nested too deep."""
    for child in node.named_children:
        if child.type not in OPENED:
            yield child
        elif depth < DEEPEST:
            yield from top_level(child, depth + 1)


def imports_of(statement: Node) -> Iterator[Import]:
    """The names that a statement imports; `*` is none."""
    if statement.type not in ("import_statement", "import_from_statement"):
        return
    source = statement.child_by_field_name("module_name")
    level, module = dotted(text_of(source)) if source is not None else (0, ())
    for node in statement.children_by_field_name("name"):
        inner = node.child_by_field_name("name") or node
        alias = node.child_by_field_name("alias")
        name = text_of(inner)
        if source is None:
            parts = tuple(name.split("."))
            yield Import(parts, 0, "", text_of(alias) if alias else name)
        else:
            yield Import(module, level, name, text_of(alias) if alias else name)


def dotted(text: str) -> tuple[int, tuple[str, ...]]:
    """Leading dots and parts of a module's name."""
    name = text.lstrip(".")
    return len(text) - len(name), tuple(name.strip().split(".")) if name.strip() else ()


def definition_of(node: Node) -> Definition | None:
    """The definition that a statement makes, None where it makes none."""
    inner = definition_in(node)
    if inner.type in (FUNCTION, CLASS):
        name = inner.child_by_field_name("name")
        if name is None:
            return None
        head = class_head(node) if inner.type == CLASS else function_head(node, "", documented=True)
        return Definition(text_of(name), head)
    target = assigned(node)
    if target is None or target.type != "identifier":
        return None
    return Definition(text_of(target), first_line(node) + "\n")


def definition_in(node: Node) -> Node:
    """The function or class below its decorators."""
    if node.type != DECORATED:
        return node
    return node.child_by_field_name("definition") or node


def assigned(statement: Node) -> Node | None:
    """The left side of a simple assignment."""
    if statement.type != "expression_statement" or not statement.named_children:
        return None
    first = statement.named_children[0]
    return first.child_by_field_name("left") if first.type == "assignment" else None


def function_head(node: Node, indent: str, *, documented: bool) -> str:
    """Signature of a function, with the first line of its docstring if `documented`."""
    inner = definition_in(node)
    body = inner.child_by_field_name("body")
    head = decorators_of(node, indent) + indent + signature(inner, body)
    line = docstring_of(body) if documented and body is not None else ""
    return f'{head}\n{indent}{INDENT}"""{line}"""\n' if line else f"{head} ...\n"


def class_head(node: Node) -> str:
    """Header of a class, first line of its docstring, attributes and signatures of methods."""
    inner = definition_in(node)
    body = inner.child_by_field_name("body")
    head = decorators_of(node, "") + signature(inner, body) + "\n"
    if body is None:
        return head
    if line := docstring_of(body):
        head += f'{INDENT}"""{line}"""\n'
    members = [found for item in body.named_children if (found := member_head(item))]
    return head + ("".join(members[:MOST_MEMBERS]) or f"{INDENT}...\n")


def member_head(node: Node) -> str:
    """One member of a class in a line or two; "" for what others do not use."""
    inner = definition_in(node)
    if inner.type == FUNCTION:
        name = inner.child_by_field_name("name")
        hidden = name is None or (text_of(name).startswith("_") and text_of(name) != "__init__")
        return "" if hidden else function_head(node, INDENT, documented=False)
    target = assigned(node)
    if target is None or text_of(target).startswith("_"):
        return ""
    return f"{INDENT}{first_line(node)}\n"


def decorators_of(node: Node, indent: str) -> str:
    """The decorators that say how a definition is used, a line each."""
    if node.type != DECORATED:
        return ""
    lines = [child.text or b"" for child in node.children if child.type == "decorator"]
    told = [line for line in lines if line.split(b"(")[0].strip() in TOLD_DECORATORS]
    return "".join(f"{indent}{line.decode(errors='replace').splitlines()[0]}\n" for line in told)


def signature(inner: Node, body: Node | None) -> str:
    """A definition up to its colon, in one line and without comments."""
    whole, start = inner.text or b"", inner.start_byte
    end = len(whole) if body is None else body.start_byte - start
    for comment in reversed(list(comments_of(inner))):
        if comment.end_byte - start <= end:
            whole = whole[: comment.start_byte - start] + whole[comment.end_byte - start :]
            end -= comment.end_byte - comment.start_byte
    text = " ".join(whole[:end].decode(errors="replace").split())
    text = text.replace("( ", "(").replace(", )", ")").replace(" )", ")")
    if len(text) <= LONGEST_HEAD:
        return text
    return text[:LONGEST_HEAD].rpartition(",")[0] + ", ...):"


def comments_of(inner: Node) -> Iterator[Node]:
    """The comments of a definition's header."""
    for child in inner.children:
        if child.type == "comment":
            yield child
        elif child.type in ("parameters", "argument_list"):
            yield from comments_of(child)


def docstring_of(body: Node) -> str:
    """The first line of a docstring, "" for none."""
    first = next(iter(body.named_children), None)
    if first is None or first.type != "expression_statement" or not first.named_children:
        return ""
    string = first.named_children[0]
    if string.type != "string":
        return ""
    parts = [text_of(child) for child in string.named_children if child.type == "string_content"]
    lines = "".join(parts).strip().splitlines()
    return lines[0].strip()[:LONGEST_HEAD] if lines else ""


def first_line(node: Node) -> str:
    """The first line of a statement."""
    lines = text_of(node).splitlines()
    return lines[0].rstrip()[:LONGEST_HEAD] if lines else ""


def text_of(node: Node) -> str:
    """A node's source."""
    return (node.text or b"").decode(errors="replace")
