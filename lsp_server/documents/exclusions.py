"""Decides which files are never read, and names the glob that excludes one.

`*` and `?` stay within the name of a folder or file, `**` crosses folders, `{a,b}` is either,
`[ab]` one of them, `[!ab]` none. A glob names what lies below it too, and begins at any folder of
the workspace; after `./` or `${workspaceFolder}/` at its own, after `/`, `~/`, `file:` at the disk.
Folders above the workspace do not count, but of a file outside of it all do. Neither upper and
lower case nor how an accent is written count: they hide nothing. What is not understood names
everything.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from lsp_server.documents.glob_places import Anchor, plain_path
from lsp_server.documents.globs import FOLDERS, Glob, read_glob

NEVER_READ = (
    *("**/.env*", "**/*.env"),
    "**/*.{pem,key,p8,p12,pfx,ppk,jks,keystore,keytab,kdb,kdbx,gpg,ovpn}{,~,.*}",
    "**/id_{rsa,dsa,ecdsa,ed25519}*",
    *("**/secrets*", "**/client_secret*", "**/.credentials*", "**/token.json"),
    *("**/credentials{,~}", "**/credentials.{json,toml,yml,yaml,ini,cfg,csv,xml}{,~,.*}"),
    "**/{application_default_credentials,service-account*,service_account*}.json",
    "**/{.netrc,_netrc,.pypirc,.npmrc,.yarnrc.yml,.dockercfg,.terraformrc,.boto,.s3cfg}{,~,.*}",
    "**/{.pgpass,.my.cnf,.mylogin.cnf,.git-credentials,.vault-token}{,~,.*}",
    *("**/pgpass.conf", "**/{.,}htpasswd*", "**/*.{tfvars,tfstate}{,~,.*}"),
    *("**/*kubeconfig*", "**/.m2/settings*.xml", "**/{pip,rclone}.conf", "**/terraform.rc"),
    "**/{.git,.ssh,.aws,.azure,.gnupg,.docker,.kube,.password-store}/**",
    "**/.config/{gcloud,gh,hub}/**",
)
"""Where passwords and keys are kept: no setting makes these be read."""
MOST_GLOBS = 1_000
LONGEST_SOURCE = 60_000
"""Characters of all globs' regular expressions: more name everything."""


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What is not read of a workspace."""

    globs: tuple[str, ...]
    roots: tuple[str, ...] = ()
    """Paths of the workspace's folders, as they are shown and as they really are."""

    def rule_against(self, *paths: PurePath | str) -> str | None:
        """The first glob that names one of the paths, or a folder of the workspace it lies in."""
        found = (excluding_pattern(path, self.globs, self.roots) for path in dict.fromkeys(paths))
        return next((glob for glob in found if glob is not None), None)

    def allow(self, *paths: PurePath | str) -> bool:
        """Whether none of the paths is excluded."""
        return self.rule_against(*paths) is None


EVERYTHING = Exclusions(("**",))


def is_excluded(path: PurePath | str, globs: Iterable[str], roots: Iterable[str] = ()) -> bool:
    """Whether any glob names the path or a folder that it lies in."""
    return excluding_pattern(path, tuple(globs), tuple(roots)) is not None


def excluding_pattern(
    path: PurePath | str, globs: tuple[str, ...], roots: tuple[str, ...] = ()
) -> str | None:
    """The first glob that names the path or a folder that it lies in."""
    tests = tests_of(globs)
    whole = plain_path(str(path)).strip("/")
    inside = [rest for root in roots if (rest := below(whole, root)) is not None]
    if not any(tests.hit(whole, inside)):
        return None
    for glob in globs[:MOST_GLOBS]:
        if any(tests_of((glob,)).hit(whole, inside)):
            return glob
    return "**"


def below(whole: str, root: str) -> str | None:
    """The path from a folder on; None where it does not lie there."""
    start = plain_path(root).strip("/")
    if not start or whole.casefold() == start.casefold():
        return whole if not start else ""
    head, rest = whole[: len(start) + 1], whole[len(start) + 1 :]
    return rest if head.casefold() == f"{start}/".casefold() else None


@dataclass(frozen=True, slots=True)
class Tests:
    """The regular expressions of some globs, by where they begin; None for none."""

    anywhere: re.Pattern[str] | None
    root: re.Pattern[str] | None
    disk: re.Pattern[str] | None

    def hit(self, whole: str, inside: Sequence[str]) -> Iterable[bool]:
        """Of each comparison that is due, whether it matches."""
        pairs = [(self.disk, whole), *((self.anywhere, rest) for rest in inside or (whole,))]
        pairs += [(self.root, rest) for rest in inside]
        return (test is not None and test.match(path) is not None for test, path in pairs)


@lru_cache(maxsize=1024)
def tests_of(globs: tuple[str, ...]) -> Tests:
    """The tests of some globs; so many that they would take long name everything."""
    found = [read_glob(glob) for glob in globs[:MOST_GLOBS]]
    size = sum(len(branch.source) for glob in found for branch in glob.branches)
    if len(globs) > MOST_GLOBS or size > LONGEST_SOURCE:
        found = [read_glob("**")]
    return Tests(*(join(found, anchor) for anchor in (Anchor.ANYWHERE, Anchor.ROOT, Anchor.DISK)))


def join(globs: Iterable[Glob], anchor: Anchor) -> re.Pattern[str] | None:
    """One regular expression of every alternative that begins so."""
    branches = [branch for glob in globs for branch in glob.branches if branch.anchor is anchor]
    sources = dict.fromkeys(branch.source for branch in branches if not branch.free)
    if free := "|".join(dict.fromkeys(branch.source for branch in branches if branch.free)):
        sources[f"(?>{FOLDERS}(?:{free}))"] = None
    return re.compile("|".join(sources), re.IGNORECASE | re.DOTALL) if sources else None


def fault_of(globs: tuple[str, ...]) -> str:
    """What in a list of globs cannot be understood, one line; "" where all can."""
    if len(globs) > MOST_GLOBS:
        return f"expected at most {MOST_GLOBS:,} globs, found {len(globs):,}"
    faults = [(glob, read_glob(glob).fault) for glob in globs]
    if said := "; ".join(f"{glob!r}: {fault}" for glob, fault in faults if fault):
        return f"expected globs, found {said}"
    size = sum(len(branch.source) for glob in globs for branch in read_glob(glob).branches)
    return "found too many alternatives in all globs together" if size > LONGEST_SOURCE else ""
