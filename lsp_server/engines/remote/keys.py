"""The key that a service asks for: from the environment or the system's keyring, no other place.

A setting may name another service, as a workspace's settings may: so a key goes only to the address
that it was kept for.
"""

import os

URL_VARIABLE, KEY_VARIABLE = "LORY_REMOTE_URL", "LORY_REMOTE_KEY"
SERVICE = "lory"
"""What the keyring knows the keys by; the name beside it is the service's scheme, host and port."""


def find_key(origin: str) -> str:
    """The key of a service; "" where there is none.

    The variable's counts for the address that LORY_REMOTE_URL names.
    """
    named = os.environ.get(URL_VARIABLE, "").rstrip("/")
    if (named == origin or named.startswith(f"{origin}/")) and os.environ.get(KEY_VARIABLE):
        return os.environ[KEY_VARIABLE]
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return ""
    try:
        return keyring.get_password(SERVICE, origin) or ""
    except KeyringError:  # no keyring runs here
        return ""
