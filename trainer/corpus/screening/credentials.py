"""Detects credentials in text with detect-secrets.

Those of entropy and of keywords flag ordinary code. A detector runs on the lines that a literal
part of its tokens stands in: asking about every line takes many times as long.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """A detector of detect-secrets, and what the lines have in them that it is asked about."""

    module: str
    """In `detect_secrets.plugins`."""
    name: str
    part: str
    """A pattern of some part of every token that the detector knows."""

    def __post_init__(self) -> None:
        if re.match(self.part, ""):
            raise ValueError(f"{self.name}: expected a pattern of its tokens, found {self.part!r}")


KINDS = (
    Kind(
        "aws",
        "AWSKeyDetector",
        r"A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA|(?i:aws)[^\n]{0,60}[\"'][0-9a-zA-Z/+]{40}[\"']",
    ),
    Kind("azure_storage_key", "AzureStorageKeyDetector", r"AccountKey="),
    Kind("github_token", "GitHubTokenDetector", r"gh[pousr]_"),
    Kind(
        "gitlab_token",
        "GitLabTokenDetector",
        r"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941",
    ),
    Kind("mailchimp", "MailchimpDetector", r"-us[0-9]"),
    Kind("npm", "NpmDetector", r":_authToken"),
    Kind("openai", "OpenAIDetector", r"T3BlbkFJ"),
    Kind("private_key", "PrivateKeyDetector", r"BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key"),
    Kind("pypi_token", "PypiTokenDetector", r"pypi-Ag"),
    Kind("sendgrid", "SendGridDetector", r"SG\."),
    Kind("slack", "SlackDetector", r"(?i:xox[abpors]-|hooks\.slack\.com/services)"),
    Kind("square_oauth", "SquareOAuthDetector", r"sq0csp-"),
    Kind("stripe", "StripeDetector", r"[rs]k_live_"),
)


@cache
def detectors() -> tuple[Any, ...]:
    """One instance of each detector, in the order of KINDS."""
    return tuple(
        getattr(import_module(f"detect_secrets.plugins.{kind.module}"), kind.name)()
        for kind in KINDS
    )


@cache
def telling_parts() -> re.Pattern[str]:
    """Finds what a line has in it that some detector is to be asked about."""
    return re.compile("|".join(kind.part for kind in KINDS))


def find_secret(text: str) -> str | None:
    """Kind of the first credential in `text`, such as `AWS Access Key`; None without one."""
    for match in telling_parts().finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", match.end())
        line = text[start : end if end >= 0 else len(text)]
        for detector in detectors():
            if next(iter(detector.analyze_string(line)), None) is not None:
                return str(detector.secret_type)
    return None
