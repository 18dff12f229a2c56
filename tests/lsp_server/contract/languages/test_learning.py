"""Which files of a language a model learns from, and what in them is a comment."""

import pytest

from lsp_server.contract.languages.learning import (
    comments_in,
    is_foreign,
    is_test,
    learned_ids,
    learned_names,
)
from lsp_server.contract.languages.profiles import PROFILES


def test_python_is_learned_from_its_modules_as_ever() -> None:
    assert (learned_names("python"), learned_ids("python")) == ([".py"], ("python",))


def test_typescript_is_learned_with_what_it_becomes() -> None:
    assert learned_ids("typescript")[0] == "typescript"
    assert {"javascript", "typescriptreact", "javascriptreact"} < set(learned_ids("typescript"))
    assert {".ts", ".tsx", ".js", ".jsx", ".mjs"} <= set(learned_names("typescript"))
    assert not {".ts", ".tsx"} & set(learned_names("javascript"))


@pytest.mark.parametrize("language", sorted(PROFILES))
def test_every_language_has_files_to_learn_from_and_its_own_id(language: str) -> None:
    assert learned_names(language)
    assert language in learned_ids(language)


@pytest.mark.parametrize(
    ("path", "test", "foreign"),
    [
        ("src/app.py", False, False),
        ("tests/test_app.py", True, False),
        ("setup.py", True, False),
        ("app.pyi", False, True),
        ("src/latest/contest.ts", False, False),
        ("src/app.test.tsx", True, False),
        ("src/__tests__/app.ts", True, False),
        ("vite.config.ts", True, False),
        (".eslintrc.js", True, False),
        ("src/types.d.ts", False, True),
        ("public/jquery.min.js", False, True),
        ("dist/index.js", False, True),
        ("src/distance/index.js", False, False),
        ("server_test.go", True, False),
        ("server.go", False, False),
        ("vendor/x/y.go", False, True),
        ("api/v1/types.pb.go", False, True),
        ("benches/speed.rs", True, False),
        ("src/test/java/AppTest.java", True, False),
        ("lib/vendor/x.rb", False, True),
    ],
)
def test_a_path_tells_tests_and_what_nobody_wrote_there(
    path: str, test: bool, foreign: bool
) -> None:
    assert (is_test(path), is_foreign(path)) == (test, foreign)


@pytest.mark.parametrize(
    ("path", "text", "commented"),
    [
        ("a.py", "# a\nx = '#'\n", [True, False]),
        ("a.ts", "/**\n * a\n */\nx = 1; // b\n", [True, True, True, False]),
        ("a.ts", "const s = `/*\n* x\n*/`;\n", [False, False, False]),
        ("a.go", "// a\nx := 1\n", [True, False]),
        ("a.sql", "-- a\nSELECT 1;\n", [True, False]),
        ("a.html", "<!-- a\nb -->\n<p>\n", [True, True, False]),
        ("a.unknown", "# a\n// b\n", [False, False]),
    ],
)
def test_lines_of_a_comment_are_told_from_code(path: str, text: str, commented: list[bool]) -> None:
    in_comment = comments_in(path, text)
    starts, at = [], 0
    for line in text.splitlines(keepends=True):
        starts.append(at + len(line) - len(line.lstrip()))
        at += len(line)
    assert [in_comment(start) for start in starts] == commented
