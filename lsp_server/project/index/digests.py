"""64-bit digests that identify files and texts."""

from hashlib import blake2b
from unicodedata import normalize


def name_digest(name: str) -> int:
    """Of a file's real path. Upper and lower case count as the same, as they do on some systems:
    of two such files one answers, and neither while one of them is open."""
    return text_digest(normalize("NFC", name).casefold())


def text_digest(text: str) -> int:
    """Of a text."""
    data = text.encode(errors="surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
