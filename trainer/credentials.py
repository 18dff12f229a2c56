"""Secret detection: takes text, gives the kind of credential in it, by detect-secrets' detectors.

Only detectors of a token's own form are asked; those of entropy and of keywords flag ordinary code.
They run on the lines that a literal part of a token stands in: asking about every line takes many
times as long.
"""

import re
from functools import cache
from typing import Any

GATE = re.compile(
    r"A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA|BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key|gh[pousr]_"
    r"|xox[abpors]-|hooks\.slack\.com/services|k_live_|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-"
    r"|GR1348941|pypi-Ag|SG\.|T3BlbkFJ|:_authToken|AccountKey=|sq0csp-|-us[0-9]{1,2}\b"
    r"|(?i:aws)[^\n]{0,60}[\"'][0-9a-zA-Z/+]{40}[\"']"
)
"""Literal parts of the tokens that the detectors below look for."""


@cache
def detectors() -> tuple[Any, ...]:
    """One instance of each detector."""
    from detect_secrets.plugins.aws import AWSKeyDetector
    from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
    from detect_secrets.plugins.github_token import GitHubTokenDetector
    from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
    from detect_secrets.plugins.mailchimp import MailchimpDetector
    from detect_secrets.plugins.npm import NpmDetector
    from detect_secrets.plugins.openai import OpenAIDetector
    from detect_secrets.plugins.private_key import PrivateKeyDetector
    from detect_secrets.plugins.pypi_token import PypiTokenDetector
    from detect_secrets.plugins.sendgrid import SendGridDetector
    from detect_secrets.plugins.slack import SlackDetector
    from detect_secrets.plugins.square_oauth import SquareOAuthDetector
    from detect_secrets.plugins.stripe import StripeDetector

    return (
        AWSKeyDetector(),
        AzureStorageKeyDetector(),
        GitHubTokenDetector(),
        GitLabTokenDetector(),
        MailchimpDetector(),
        NpmDetector(),
        OpenAIDetector(),
        PrivateKeyDetector(),
        PypiTokenDetector(),
        SendGridDetector(),
        SlackDetector(),
        SquareOAuthDetector(),
        StripeDetector(),
    )


def find_secret(text: str) -> str | None:
    """Kind of the first credential in `text`, such as `AWS Access Key`; None without one."""
    for match in GATE.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", match.end())
        line = text[start : end if end >= 0 else len(text)]
        for detector in detectors():
            if next(iter(detector.analyze_string(line)), None) is not None:
                return str(detector.secret_type)
    return None
