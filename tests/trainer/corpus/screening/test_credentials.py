"""Credentials are found wherever they stand; ordinary code holds none."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.corpus.screening.credentials import KINDS, Kind, detectors, find_secret

# Joined at run time, so that no scanner takes this file for a leak.
TOKENS = {
    "AWS Access Key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "GitHub Token": "ghp_" + "a1" * 18,
    "GitLab Token": "glpat-" + "a1" * 10,
    "Slack Token": "xoxb-" + "1234567890-" * 2 + "abcdef",
    "Stripe Access Key": "sk_live_" + "a1" * 12,
    "PyPI Token": "pypi-" + "AgEIcHlwaS5vcmc" + "a1" * 40,
    "SendGrid API Key": "SG." + "a1" * 11 + "." + "a1" * 21 + "a",
    "OpenAI Token": "sk-" + "a1" * 10 + "T3Blbk" + "FJ" + "a1" * 10,
    "NPM tokens": "//registry.example.org/:_auth" + "Token=npm_" + "a1" * 18,
    "Mailchimp Access Key": "a1" * 16 + "-us12",
    "Azure Storage Account access key": "Account" + "Key=" + "a1" * 43 + "==",
    "Square OAuth Secret": "sq0" + "csp-" + "a1" * 21 + "a",
}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_credential_is_found_in_the_middle_of_a_long_file(kind: str) -> None:
    code = "def add(left, right):\n    return left + right\n\n\n" * 200
    assert find_secret(f"{code}    token = '{TOKENS[kind]}'\n{code}") == kind


@pytest.mark.parametrize("kind", TOKENS)
def test_a_credential_is_found_without_a_line_end_around_it(kind: str) -> None:
    assert find_secret(TOKENS[kind]) == kind


def test_an_aws_secret_is_told_by_the_name_of_its_variable() -> None:
    secret = "a1" * 20
    assert find_secret(f"AWS_SECRET_KEY = '{secret}'\n") == "AWS Access Key"
    assert find_secret(f"COMMIT_HASH_KEY = '{secret}'\n") is None


def test_every_detector_has_an_example_here() -> None:
    assert {detector.secret_type for detector in detectors()} == set(TOKENS)


FORMS = [
    pytest.param(form, id=f"{kind.name}-{number}")
    for kind, detector in zip(KINDS, detectors(), strict=True)
    for number, form in enumerate(detector.denylist)
]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40)
@given(st.data())
def test_whatever_a_detector_knows_is_found(form: re.Pattern[str], data: st.DataObject) -> None:
    # ASCII, of which all tokens are: patterns that ignore case would match letters like U+017F too.
    token = data.draw(st.from_regex(form, alphabet=st.characters(max_codepoint=126)))
    line = max(token.split("\n"), key=lambda part: form.search(part) is not None)
    if any(next(iter(detector.analyze_string(line)), None) for detector in detectors()):
        assert find_secret(f"a = 1\n{line}\nb = 2\n")


def test_a_detector_without_a_telling_part_is_refused() -> None:
    with pytest.raises(ValueError, match="NewDetector: expected a pattern"):
        Kind("new", "NewDetector", "")


@pytest.mark.parametrize(
    "text",
    [
        "password = getpass('password: ')\n",
        "digest = 'd41d8cd98f00b204e9800998ecf8427e'\n",
        "SECRET_KEY = os.environ['SECRET_KEY']\n",
        "REGION = 'us-east-1'  # or eu-us12\n",
        "KEY_PREFIXES = ('ghp_', 'gho_', 'sk_live_', 'xoxb-', 'AKIA')\n",
    ],
)
def test_ordinary_code_holds_no_credential(text: str) -> None:
    assert find_secret(text) is None
