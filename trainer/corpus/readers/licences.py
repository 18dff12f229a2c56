"""Recognizes licences by their text or metadata, as SPDX names."""

import re

LICENCE_FILES = re.compile(r"(?i)(un)?licen[cs]e|copying")
"""Names, from their start, of files that state a repository's licence."""

PHRASES: tuple[tuple[str, str], ...] = (
    ("agpl", "gnu affero general public license"),
    ("lgpl", "gnu lesser general public license"),
    ("lgpl", "gnu library general public license"),
    ("mpl-2.0", "mozilla public license"),
    ("gpl", "gnu general public license"),
    ("psf", "python software foundation license"),
    ("apache-2.0", "apache license version 2.0"),
    ("apache-2.0", "apache.org/licenses/license-2.0"),
    ("unlicense", "this is free and unencumbered software released into the public domain"),
    ("isc", "permission to use copy modify and/or distribute this software for any purpose"),
    ("isc", "permission to use copy modify and distribute this software for any purpose"),
    ("mit", "permission is hereby granted free of charge to any person obtaining a copy"),
)
"""Name and a phrase of its text, white space, commas and comment marks flattened."""

BSD = "redistribution and use in source and binary forms"
BSD_THIRD_CLAUSE = re.compile(r"neither the names? of|may not be used to endorse or promote")

METADATA: tuple[tuple[str, str], ...] = (
    ("agpl", r"agpl|affero"),
    ("lgpl", r"lgpl|lesser general public|library general public"),
    ("gpl", r"\bgpl|general public"),
    ("mpl-2.0", r"mpl|mozilla public"),
    ("apache-2.0", r"apache"),
    ("bsd-2-clause", r"bsd-2|2-clause|simplified bsd"),
    ("bsd-3-clause", r"bsd"),
    ("isc", r"\bisc\b|iscl"),
    ("psf", r"psf|python software foundation"),
    ("unlicense", r"unlicense|public domain"),
    ("mit", r"\bmit\b|\bexpat\b"),
)
"""Name and what package metadata calls it."""


def detect_licence(text: str) -> str:
    """Licence whose phrase stands first in `text`, since one licence's text names others after it.

    `unknown` where no phrase is found.
    """
    flat = re.sub(r"[\s#*>,]+", " ", text.lower())
    bsd = "bsd-3-clause" if BSD_THIRD_CLAUSE.search(flat) else "bsd-2-clause"
    places = ((flat.find(phrase), name) for name, phrase in (*PHRASES, (bsd, BSD)))
    return min(((place, name) for place, name in places if place >= 0), default=(0, "unknown"))[1]


def metadata_licence(statements: list[str]) -> str:
    """Licence that the first telling statement of a package's metadata names; else `unknown`."""
    for statement in statements:
        if len(statement) > 200:
            found = detect_licence(statement)
            if found != "unknown":
                return found
            continue
        for name, pattern in METADATA:
            if re.search(pattern, statement, re.IGNORECASE):
                return name
    return "unknown"
