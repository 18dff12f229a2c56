"""Whose request it is, by the key that comes with it."""

import base64
import binascii
from collections.abc import Mapping

from lsp_server.http.people.register import Person, Register
from lsp_server.http.refusal import Refusal


def identify(headers: Mapping[str, str], register: Register, *, admin: bool) -> Person:
    """Who asks. Refusal 401 without a known key, 403 where it must be an administrator's."""
    if not register.needs_key:
        return register.nobody()
    for secret in secrets_in(headers, basic=admin):
        person = register.find(secret)
        if person is not None:
            if admin and not person.admin:
                raise Refusal(403, "Expected an administrator's key")
            return person
    raise Refusal(401, "Invalid API Key")


def secrets_in(headers: Mapping[str, str], *, basic: bool) -> list[str]:
    """What the headers have for a key; a browser sends it as the password of any user."""
    found: list[str] = []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip())
    if basic and scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value.strip(), validate=True).decode()
            found.append(pair.partition(":")[2])
        except (binascii.Error, UnicodeDecodeError):
            pass
    if "x-api-key" in headers:
        found.append(headers["x-api-key"].strip())
    return [secret for secret in found if secret]
