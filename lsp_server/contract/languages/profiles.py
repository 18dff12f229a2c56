"""The one table of languages, by the ids that editors use.

A language without a row is read by brackets and quotes alone, and is completed all the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath

from lsp_server.contract.languages.profile import NOTHING, Blocks, Profile, Quote

PREFIX = r"(?:[bB][rR]?|[rR][bBfFtT]?|[fFtT][rR]?|[uU])?"
"""Of Python's strings."""
TEMPLATES = frozenset("fFtT")
DOUBLE, SINGLE, TICK = Quote('"', '"'), Quote("'", "'"), Quote("`", "`")
LONG_TICK = Quote("`", "`", spans_lines=True)
C_COMMENT = Quote(r"/\*", "*/", spans_lines=True, escapes=False, comment=True)
MARKUP_COMMENT = Quote("<!--", "-->", spans_lines=True, escapes=False, comment=True)
CHARACTER = r"'(?:\\[^\n']+|[^'\\\n])'"
"""A character literal: any other apostrophe may be a word's."""
PROSE = r"\w+(?:['’]\w*)?"

C = Profile(
    suffixes=(".c", ".h"),
    comments=("//",),
    quotes=(DOUBLE, C_COMMENT),
    whole=CHARACTER,
    blocks=Blocks.MARKS,
    opener=r"[{(\[]",
    closer=r"[})\]]",
)
SCRIPT = replace(C, suffixes=(".js", ".jsx", ".mjs", ".cjs"), quotes=(DOUBLE, SINGLE, LONG_TICK))
SCRIPT = replace(SCRIPT, quotes=(*SCRIPT.quotes, C_COMMENT), whole=NOTHING)
SCRIPT = replace(
    SCRIPT,
    tests=r"(^|/)(__(tests|mocks|fixtures|snapshots)__|tests?|specs?|e2e|cypress|fixtures?|mocks?)/"
    r"|[.-](test|spec|stories|story|config|conf|setup|fixture|mock)s?\.[cm]?[jt]sx?$"
    r"|(^|/)(\.[^/]*rc|(gulp|grunt)file|webpack[^/]*|jest[^/]*|karma[^/]*)\.[cm]?[jt]s$",
    foreign=r"\.d\.[cm]?ts$|[.-](min|bundle|umd|prod)\.[cm]?js$"
    r"|(^|/)(vendor|third_party|node_modules|bower_components|dist|build|\.yarn)/",
)
SCRIPTS = ("javascript", "javascriptreact")
TYPED = ("typescript", "typescriptreact", *SCRIPTS)
HASHED = replace(C, comments=(r"(?<![^\s;&|()])#",), quotes=(DOUBLE, SINGLE), whole=NOTHING)
"""Comments begin with #, blocks stand in brackets."""
MARKUP = Profile(quotes=(MARKUP_COMMENT,), whole=PROSE, blocks=Blocks.INDENTATION)
MARKUP = replace(MARKUP, opener=r"<\w[^<>/]*>", closer="</")

ROWS: Mapping[str, Profile] = {
    "python": Profile(
        suffixes=(".py", ".pyi"),
        comments=("#",),
        quotes=tuple(
            Quote(PREFIX + mark * size, mark * size, size == 3, templates=TEMPLATES)
            for size in (3, 1)
            for mark in ('"', "'")
        ),
        odd="\"'#",
        blocks=Blocks.GRAMMAR,
        top=r"^(?:def|class|async|import|from|if|for|while|with|try|@)",
        tests=r"(^|/)(tests?|testing)/"
        r"|(^|/)(test_[^/]*|[^/]*_test|conftest|setup|conf|settings)\.py$",
        foreign=r"\.pyi$",
    ),
    "go": replace(
        C,
        suffixes=(".go",),
        quotes=(DOUBLE, replace(LONG_TICK, escapes=False), C_COMMENT),
        tests=r"_test\.go$|(^|/)(testdata|tests?|testing|fixtures)/",
        foreign=r"(^|/)(vendor|third_party)/|\.pb(\.gw)?\.go$|(^|/)zz_generated|_string\.go$",
    ),
    "rust": replace(
        C,
        suffixes=(".rs",),
        quotes=(
            Quote(r'b?r#"', '"#', spans_lines=True, escapes=False),
            Quote('b?r"', '"', spans_lines=True, escapes=False),
            Quote('b?"', '"'),
            C_COMMENT,
        ),
        whole=rf"{CHARACTER}|'\w+",
        tests=r"(^|/)(tests?|benches|fixtures|fuzz)/|(^|/)(tests?|build)\.rs$",
        foreign=r"(^|/)(vendor|third_party|target)/",
    ),
    "java": replace(
        C,
        suffixes=(".java",),
        quotes=(Quote('"{3}', '"""', spans_lines=True), DOUBLE, C_COMMENT),
        tests=r"(^|/)(tests?|testing|fixtures)/|Tests?\.java$",
    ),
    "c": C,
    "cpp": replace(
        C,
        suffixes=(".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".inl"),
        whole=rf"\d[\d']*+|{CHARACTER}",
    ),
    "csharp": replace(C, suffixes=(".cs",)),
    "javascript": replace(SCRIPT, together=SCRIPTS),
    "javascriptreact": SCRIPT,
    "typescript": replace(SCRIPT, suffixes=(".ts", ".mts", ".cts", ".tsx"), together=TYPED),
    "typescriptreact": replace(SCRIPT, suffixes=(".ts", ".tsx")),
    "kotlin": replace(C, suffixes=(".kt", ".kts")),
    "swift": replace(C, suffixes=(".swift",)),
    "scala": replace(C, suffixes=(".scala", ".sc")),
    "dart": replace(SCRIPT, suffixes=(".dart",)),
    "php": replace(SCRIPT, suffixes=(".php",), comments=("//", "#")),
    "css": replace(C, suffixes=(".css",), comments=(), quotes=(DOUBLE, SINGLE, C_COMMENT)),
    "scss": replace(C, suffixes=(".scss",), quotes=(DOUBLE, SINGLE, C_COMMENT)),
    "json": replace(C, suffixes=(".json",), comments=(), quotes=(DOUBLE,)),
    "jsonc": replace(C, suffixes=(".json", ".jsonc")),
    "proto": replace(C, suffixes=(".proto",)),
    "shellscript": replace(
        HASHED,
        suffixes=(".sh", ".bash", ".zsh", ".bats", ".ksh"),
        quotes=(DOUBLE, replace(SINGLE, escapes=False), TICK),
        opener=r"\b(?:then|do|else|in)|[{(]",
        closer=r"(?:fi|done|esac|elif|else)\b|[})]",
    ),
    "ruby": replace(
        HASHED,
        suffixes=(".rb", ".rake", ".gemspec"),
        names=("Rakefile", "Gemfile"),
        opener=r"\b(?:do|then|else|begin)|\|[^|]*\||[{(\[]",
        closer=r"(?:end|else|elsif|rescue|ensure)\b|[})\]]",
    ),
    "perl": replace(HASHED, suffixes=(".pl", ".pm", ".t")),
    "r": replace(HASHED, suffixes=(".r", ".R")),
    "terraform": replace(HASHED, suffixes=(".tf", ".tfvars")),
    "toml": replace(HASHED, suffixes=(".toml",)),
    "makefile": replace(HASHED, suffixes=(".mk",), names=("Makefile", "makefile", "GNUmakefile")),
    "dockerfile": replace(HASHED, suffixes=(".dockerfile",), names=("Dockerfile",)),
    "lua": replace(
        HASHED,
        suffixes=(".lua",),
        comments=("--",),
        opener=r"\b(?:then|do|else|repeat)|\)|[{(\[]",
        closer=r"(?:end|else|elseif|until)\b|[})\]]",
    ),
    "sql": Profile(
        suffixes=(".sql",),
        comments=("--",),
        quotes=(replace(SINGLE, escapes=False), replace(DOUBLE, escapes=False), TICK, C_COMMENT),
        blocks=Blocks.MARKS,
        opener=r"\(",
        closer=r"\)",
    ),
    "yaml": Profile(
        suffixes=(".yaml", ".yml"),
        comments=(r"(?<!\S)#",),
        quotes=(Quote(r'(?<!\w)"', '"'), Quote(r"(?<!\w)'", "'", escapes=False)),
        blocks=Blocks.INDENTATION,
        opener=r":(?:\s+[|>][-+]?)?|^\s*-",
        shares_level="- ",
    ),
    "markdown": Profile(
        suffixes=(".md", ".markdown", ".mdx"), quotes=(TICK, MARKUP_COMMENT), whole=PROSE
    ),
    "restructuredtext": Profile(suffixes=(".rst",), whole=PROSE),
    "html": replace(MARKUP, suffixes=(".html", ".htm")),
    "xml": replace(MARKUP, suffixes=(".xml", ".xsd", ".svg")),
    "vue": replace(MARKUP, suffixes=(".vue",)),
}
ALIASES = {
    "sh": "shellscript",
    "bash": "shellscript",
    "zsh": "shellscript",
    "make": "makefile",
    "cs": "csharp",
    "rst": "restructuredtext",
}
"""What Neovim and others call languages of the table."""
PROFILES: Mapping[str, Profile] = {**ROWS, **{name: ROWS[row] for name, row in ALIASES.items()}}
UNKNOWN = Profile(quotes=(DOUBLE, SINGLE, TICK), whole=r"\w+'?")
"""What is read of a language without a row."""


def profile_of(language: str) -> Profile:
    """The row of a language, or what stands for a language without one."""
    return PROFILES.get(language, UNKNOWN)


@cache
def names_of(languages: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Ends of file names, and whole names, of some languages."""
    rows = [profile_of(language) for language in languages]
    return tuple(end for row in rows for end in row.suffixes), frozenset(
        name for row in rows for name in row.names
    )


def has_grammar(language: str) -> bool:
    """Whether a parser reads it, and its definitions and imports are known."""
    return profile_of(language).blocks is Blocks.GRAMMAR


def is_named_as(languages: tuple[str, ...], path: str) -> bool:
    """Whether a file's name is one of these languages' files."""
    suffixes, names = names_of(languages)
    return path.endswith(suffixes) or path.rpartition("/")[2] in names


def glob_of_sources() -> str:
    """A glob of all files that the table names."""
    suffixes, names = names_of(tuple(PROFILES))
    ends = [f"*{end}" for end in dict.fromkeys(suffixes)]
    return "**/{" + ",".join([*ends, *sorted(names)]) + "}"


def language_of(path: str) -> str:
    """The language id of a file: the first in the table that names it so, else its suffix."""
    found = (language for language in PROFILES if is_named_as((language,), path))
    return next(found, PurePosixPath(path).suffix.removeprefix("."))
