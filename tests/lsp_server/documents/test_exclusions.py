"""Globs of files that are never read."""

import re
import unicodedata
from pathlib import Path
from time import process_time
from timeit import timeit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lsp_server.documents.exclusions import NEVER_READ, Exclusions, fault_of, is_excluded

ROOT = "/home/u/p"


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.local", ".ENV", ".envrc", ".envs/production.py", "production.env"),
        *("server.pem", "server.pem.bak", "a b/tls.key", "tls.key~", "store.p12", "x.kdbx"),
        *("id_rsa", "id_rsa.bak", "id_dsa", "id_ecdsa_sk", "id_ed25519.pub", "putty.ppk"),
        *("secrets.py", "secrets/keys.py", "secrets.yml", "deploy/secrets.enc.yaml"),
        *(
            ".git/hooks/pre-commit.py",
            ".ssh/config",
            ".aws/credentials",
            ".gnupg/a",
            ".kube/config",
        ),
        *(".docker/config.json", "kubeconfig", "prod.kubeconfig", ".config/gcloud/a.db"),
        *(".npmrc", ".yarnrc.yml", ".netrc", "_netrc", ".pypirc", ".pgpass", ".my.cnf", "pip.conf"),
        *(
            ".git-credentials",
            "credentials",
            "credentials.json",
            "credentials.json.bak",
            ".htpasswd",
        ),
        *("htpasswd", "client_secret_1.json", "service-account-prod.json", "token.json"),
        *("prod.tfvars", "prod.tfvars.json", "terraform.tfstate.backup", ".vault-token"),
    ],
)
def test_places_of_passwords_are_excluded_by_default(name: str) -> None:
    assert is_excluded(f"{ROOT}/{name}", NEVER_READ, [ROOT])
    assert is_excluded(f"C:/p/{name}", NEVER_READ, ["C:/p"])
    assert is_excluded(f"{ROOT}/deep/er/{name}", NEVER_READ, [ROOT])


@pytest.mark.parametrize(
    "name",
    [
        *("environment.py", "monkey.py", "keys.py", "git/a.py", "my_secrets.py", "env.py"),
        *(
            "credentials.py",
            "tokens.py",
            "config.json",
            "aws/a.py",
            "pem.py",
            "id.py",
            "tokenizer.json",
        ),
    ],
)
def test_ordinary_files_are_not_excluded_by_default(name: str) -> None:
    assert not is_excluded(f"{ROOT}/{name}", NEVER_READ, [ROOT])


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("*.py", "a/b.py", True),
        ("a/*.py", "x/a/b.py", True),
        ("a/*.py", "x/a/c/b.py", False),
        ("a/**/b.py", "x/a/b.py", True),
        ("a/**/b.py", "x/a/c/d/b.py", True),
        ("a/**/b.py", "x/b.py", False),
        ("vendor", "x/vendor/a.py", True),
        ("vendor/**", "x/vendor/a.py", True),
        ("vendor/**", "x/vendor", False),
        ("vendor/", "x/vendor/a.py", True),
        ("**/vendor/**/*.py", "vendor/a/b.py", True),
        ("a**b.py", "axb.py", True),
        ("a**b.py", "ax/y/zb.py", True),
        ("src/**.py", "src/a/b.py", True),
        ("/home/u/p/private/**", "private/a.py", True),
        ("/private/**", "private/a.py", True),
        ("*.{pem,key}", "a/b.key", True),
        ("*.{pem,key}", "a/b.kex", False),
        ("{a,{b,c}/d}.py", "b/d.py", True),
        ("{a,{b,c}/d}.py", "d.py", False),
        ("{{cookiecutter}}/**", "{{cookiecutter}}/a.py", True),
        ("x{,.bak}", "x.bak", True),
        ("a?.py", "ab.py", True),
        ("a?.py", "a/.py", False),
        ("[ab].py", "b.py", True),
        ("[!ab].py", "b.py", False),
        ("[!ab].py", "c.py", True),
        ("[^ab].py", "b.py", False),
        ("[^ab].py", "c.py", True),
        ("[a-c].py", "b.py", True),
        ("[]a].py", "].py", True),
        ("[.]env", ".env", True),
        ("a.py", "axpy", False),
        ("(x|y).py", "x.py", False),
        ("@(x|y).py", "x.py", True),
        ("?(x|y).py", ".py", True),
        ("./x/**", "x/a.py", True),
        ("./x/**", "y/x/a.py", False),
        ("${workspaceFolder}/x/**", "x/a.py", True),
        ("${workspaceFolder}/x/**", "y/x/a.py", False),
        ("${workspaceFolder:p}/x", "x/a.py", True),
        ("${workspaceFolder}", "x/a.py", True),
        ("  private/** ", "private/a.py", True),
        ("file:///home/u/p/my%20x/**", "my x/a.py", True),
        ("file:///home/u/p/my%20x/**", "my y/a.py", False),
        (r"private\**", "private/a.py", True),
        (r"src\private\*.py", "src/private/a.py", True),
        ("PRIVATE/**", "private/a.py", True),
        ("private/**", "PRIVATE/a.py", True),
        ("p/**", "a.py", False),
        ("u", "a.py", False),
    ],
)
def test_globs_mean_what_they_mean_in_editors(pattern: str, path: str, excluded: bool) -> None:
    assert not fault_of((pattern,))
    assert is_excluded(f"{ROOT}/{path}", [pattern], [ROOT]) == excluded


def test_how_an_accent_is_written_hides_nothing() -> None:
    names = [unicodedata.normalize(form, "privé/clé.py") for form in ("NFC", "NFD")]
    for glob in (unicodedata.normalize(form, "priv[é]/cl?.py") for form in ("NFC", "NFD")):
        for name in names:
            assert is_excluded(f"{ROOT}/{name}", [glob], [ROOT])
            assert is_excluded(f"{ROOT}/{name.upper()}", [glob], [ROOT])


def test_a_home_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/[u]")
    for glob in ("~/x/**", "$HOME/x/**", "${userHome}/x/**"):
        assert is_excluded("/home/[u]/x/a.py", [f"{glob}.py"], ["/home/[u]/x"])
        assert not is_excluded("/home/u/x/a.py", [f"{glob}.py"], ["/home/u/x"])


def test_windows_paths_are_known() -> None:
    for glob in (r"c:\p\private\**", "C:/p/private/**", "file:///c:/p/private/**"):
        assert is_excluded("C:/p/private/a.py", [glob], ["C:/p"])
        assert not is_excluded("C:/p/public/a.py", [glob], ["C:/p"])


def test_a_glob_over_a_link_names_what_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "real [x]").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real [x]")
    for path in ("link", "real [x]"):
        assert is_excluded(tmp_path / path / "a.py", [f"{tmp_path}/link/*.py"], [str(tmp_path)])


@pytest.mark.parametrize(
    "glob",
    [
        *(
            "[z-a]",
            "[",
            "[a/b]",
            "[[:alpha:]]",
            "{a",
            "a}",
            "{1..3}",
            "!x",
            "!(a|b)",
            "+(a)",
            "*(a)",
        ),
        *(
            "",
            "  ",
            "../x",
            "a/../b",
            "${env:X}/a",
            "a/${x}",
            "vscode-remote://h/a",
            "//host/share/a",
        ),
        *(
            "~other/x",
            "a" * 1_001,
            "{" * 500,
            "{a,b}" * 9,
            "a**" * 40,
            "@(a",
            "file://host/a",
            "file:a",
            "re:a",
        ),
        *("%APPDATA%/a", "$PWD/a", "'a/**'", "\ufeffa", "a/\u200b**"),
    ],
)
def test_what_is_not_understood_excludes_everything_and_is_said(glob: str) -> None:
    assert is_excluded(f"{ROOT}/any/file.py", [glob, "private/**"], [ROOT])
    assert repr(glob) in fault_of((glob, "private/**"))
    assert Exclusions((glob,)).rule_against("/a.py") == glob


@given(st.text(st.characters(codec=None), max_size=40))
@example("\0/x")
@example("~/\udc80*")
@example("[--a]/&&~~||")
def test_no_glob_fails(glob: str) -> None:
    assert is_excluded("/p/a.py", [glob], ["/p"]) in (True, False)
    if fault_of((glob,)):
        assert is_excluded("/p/a.py", [glob], ["/p"])


PIECES = st.sampled_from(
    ["a", "b", "ab", "*a", "*", "?", "/**/", "a**b", "/", "{a,b/a}", "[ab]", "[!a]"]
)


@given(st.lists(PIECES, min_size=1, max_size=8).map("".join), st.text("ab/", max_size=12))
@example("a/*b*/**/a", "a/abb/b/a")
def test_parts_that_end_where_they_can_first_match_as_all_ways_of_matching_do(
    glob: str, path: str
) -> None:
    glob, path = glob.lstrip("/"), "/".join(filter(None, path.split("/")))
    if not path or fault_of((glob,)):
        return
    assert is_excluded(f"/p/{path}", [glob], ["/p"]) == matches_somehow(glob, path)


def matches_somehow(glob: str, path: str) -> bool:
    """The same by trying every way."""
    if "{" in glob:
        ways = [glob.replace("{a,b/a}", other, 1) for other in ("a", "b/a")]
        return any(matches_somehow(way, path) for way in ways)
    if found := re.search(r"(?<=[^/*])\*\*+|\*\*+(?=[^/*])", glob):
        before, after = glob[: found.start()], glob[found.end() :]
        ways = [before + other + after for other in ("*", "*/**/*")]
        return any(matches_somehow(way, path) for way in ways)
    names, parts = path.split("/"), list(filter(None, re.sub(r"\*\*+", "**", glob).split("/")))
    return any(goes_on(parts, names[at:]) for at in range(len(names)))


def goes_on(parts: list[str], names: list[str]) -> bool:
    """Whether the first of some names match all parts of a glob."""
    if not parts:
        return True
    if parts[0] == "**":
        if not any(part != "**" for part in parts):
            return bool(names)
        return any(goes_on(parts[1:], names[at:]) for at in range(len(names) + 1))
    source = re.sub(r"\*+", ".*", parts[0].replace("?", "."))
    source = source.replace("[!a]", "[^a]")
    return bool(names) and bool(re.fullmatch(source, names[0])) and goes_on(parts[1:], names[1:])


@pytest.mark.parametrize(
    "glob",
    ["**/" * 12 + "zz", "*a" * 300 + "b", "a**" * 6 + "zz", "{a,b}" * 7 + "*" * 9 + "z", "?" * 900],
)
@pytest.mark.parametrize("path", ["a/" * 2_000, "/".join(["a" * 255] * 16), "ab" * 2_000])
def test_no_glob_takes_long(glob: str, path: str) -> None:
    is_excluded("x", [glob])  # to have it read
    assert timeit(lambda: is_excluded(path, [glob]), timer=process_time, number=1) < 0.2


def test_folders_above_the_workspace_exclude_nothing_and_outside_of_it_all_do() -> None:
    for folder in ("/srv/secrets-service", "/srv/.envs/app", "/srv/secrets"):
        assert not is_excluded(f"{folder}/app.py", NEVER_READ, [folder])
        assert is_excluded(f"{folder}/.env", NEVER_READ, [folder])
        assert is_excluded(f"{folder}/app.py", NEVER_READ, ["/elsewhere"])
    assert is_excluded("/srv/secrets/a.py", NEVER_READ, ["/srv", "/srv/secrets"]), "one says so"
    assert is_excluded("/srv/app/a.py", ["/srv/app/**"], ["/srv/app"]), "an absolute path says so"


def test_the_rule_that_excludes_is_told() -> None:
    rules = Exclusions(("*.txt", "private/**", "a.py"), (ROOT,))
    assert rules.rule_against(f"{ROOT}/private/a.py") == "private/**"
    assert rules.rule_against(f"{ROOT}/b.py", f"{ROOT}/a.py") == "a.py"
    assert rules.rule_against(f"{ROOT}/b.py") is None
