"""What is read of languages by their rows in the one table."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.canonical import canonical_text
from lsp_server.contract.languages.extents import extent_at
from lsp_server.contract.languages.lexing import read
from lsp_server.contract.languages.profiles import PROFILES, is_named_as, language_of
from lsp_server.contract.stopping import Shape, rule_for
from lsp_server.contract.text_form import TextForm, find_form

ROOT = Path(__file__).parents[4]
ALPHABET = st.text(alphabet="ab 1\n\t\"'`#/*-<!>(){}[]\\$r:|;é", max_size=60)


@pytest.mark.parametrize(
    ("language", "text", "opened", "faults"),
    [
        ("go", "x := `a\n\\", ["`"], 0),
        ("go", "r := '\"' + (", [")"], 0),
        ("rust", "fn a<'b>(x: &'b str, y: char = '(') {", ["}"], 0),
        ("rust", 'r#"a " (', ['"#'], 0),
        ("java", "/* it's ( */ f(", [")"], 0),
        ("java", '"""\n a " ( \n', ['"""'], 0),
        ("cpp", "int a = 1'000'000 + (", [")"], 0),
        ("cpp", "// it's (\nf[", ["]"], 0),
        ("shellscript", "if [ $# -gt ${#a[@]} ]; then # it's (", ["\n"], 0),
        ("shellscript", "echo '\\' \"$(a", ['"'], 0),
        ("sql", "-- it's (\nSELECT 'it''s' FROM (", [")"], 0),
        ("yaml", "a: don't # it's (", ["\n"], 0),
        ("yaml", "a#b: 'c", ["'"], 0),
        ("markdown", "It's (don't `f(` <!-- ( --> [a", [")", "]"], 0),
        ("typescript", "const a = `x\n ${", ["`"], 0),
        ("unheard-of", "a # it's (", [")"], 0),
    ],
)
def test_strings_brackets_and_comments_are_read_by_the_languages_row(
    language: str, text: str, opened: list[str], faults: int
) -> None:
    found = read(language, text)
    assert [item.closer for item in found.stack] == opened
    assert found.faults == faults


@given(st.sampled_from([*PROFILES, "unheard-of"]), ALPHABET, ALPHABET)
def test_any_text_is_read_to_its_end_and_has_an_extent(
    language: str, before: str, after: str
) -> None:
    found = read(language, before)
    assert not before or found.ends[-1] == len(before)
    assert extent_at(language, before, after).indent >= 0
    canonical_text(before, language)


BLOCKS = [
    ("go", "func f() {\n\t¦", "\treturn 1\n}\nx", "\treturn 1\n}"),
    ("go", "func f() {\n\t¦\n}\n", "return 1\n}\n", "return 1"),
    ("go", "func f() {¦", "\n\tif a {\n\t\tb()\n\t}\n}\nfunc", "\n\tif a {\n\t\tb()\n\t}\n}"),
    ("java", "class A {\n  void f() {\n    ¦\n  }\n}", "g();\n  }\n}\n", "g();"),
    ("rust", "let a = f(\n    ¦", "b,\n    c,\n);\nd", "b,\n    c,\n);"),
    ("shellscript", "if a; then\n  ¦", "b\nfi\nc", "b\nfi"),
    ("shellscript", "if a; then\n  ¦\nfi\n", "b\nfi\nc", "b"),
    ("yaml", "on:\n  ¦", "push:\n    branches: a\nenv:\n", "push:\n    branches: a"),
    ("sql", "CREATE TABLE a (\n    ¦", "b int,\n    c int\n);\n", "b int,\n    c int\n);"),
]


@pytest.mark.parametrize(("language", "text", "written", "kept"), BLOCKS)
def test_a_block_is_kept_with_the_line_that_closes_it_unless_that_stands_there(
    language: str, text: str, written: str, kept: str
) -> None:
    prefix, suffix = text.split("¦")
    extent = extent_at(language, prefix, suffix)
    assert extent.shape is Shape.BLOCK
    rule = rule_for(extent, 12)
    assert written[: rule(written) or 0] == kept
    ends = [rule(written[:size]) for size in range(len(written) + 1)]
    assert len(set(ends) - {None}) == 1  # once it has an answer, more text does not change it


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("go", "func f() {\n\t¦\n\treturn 1\n}\n"),
        ("go", 'a := "{¦'),
        ("go", "f(a) // {¦"),
        ("go", "x := 1\n¦\n"),
        ("markdown", "# A title:\n¦"),
        ("yaml", "a:\n¦\n- b\n"),
        ("unheard-of", "a {\n  ¦"),
    ],
)
def test_a_line_is_kept_where_no_block_is_missing(language: str, text: str) -> None:
    assert extent_at(language, *text.split("¦")).shape is Shape.LINE


@pytest.mark.parametrize(
    ("language", "text", "unit"),
    [
        ("cpp", "class A {\n public:\n  void f() {\n    a();\n  }\n};\n" * 3, "  "),
        ("go", "func f() {\n\tif a {\n\t\tb()\n\t}\n}\n", "\t"),
        ("yaml", "a:\n  b:\n    c: 1\n", "  "),
        ("shellscript", "f() {\n  if a; then\n    b\n  fi\n}\n", "  "),
    ],
)
def test_a_files_own_indentation_is_found_and_given_back(
    language: str, text: str, unit: str
) -> None:
    form = find_form(text, language)
    assert form == TextForm(unit)
    lines = zip(text.split("\n"), canonical_text(text, language).split("\n"), strict=True)
    for own, canonical in lines:
        assert form.space(len(canonical) - len(canonical.lstrip(" "))) == own[: -len(own.lstrip())]


def test_files_are_named_by_the_table() -> None:
    assert language_of("a/b.go") == "go"
    assert language_of("a/Makefile") == "makefile"
    assert language_of("a.unheard") == "unheard"
    assert is_named_as(("c", "cpp"), "a.h")
    assert not is_named_as(("python",), "a.go")


def test_no_language_is_asked_for_by_name_outside_of_the_table() -> None:
    asked = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "lsp_server").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and any(
            isinstance(side, ast.Constant) and side.value in PROFILES
            for side in (node.left, *node.comparators)
        )
    ]
    assert asked == []
