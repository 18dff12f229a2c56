"""Licences are told by their texts and by what packages say of themselves."""

import pytest

from trainer.corpus.readers.licences import LICENCE_FILES, detect_licence, metadata_licence

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy of this"
BSD = "Redistribution and use in source and binary forms, with or without\nmodification, are"
GPL = "                    GNU GENERAL PUBLIC LICENSE\n                       Version 3"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"Copyright (c) 2020 A\n\n{MIT}", "mit"),
        ("                   Apache License\n             Version 2.0, January 2004", "apache-2.0"),
        (f"{BSD} permitted", "bsd-2-clause"),
        (f"{BSD} permitted ... Neither the name of the author nor", "bsd-3-clause"),
        ("Permission to use, copy, modify, and/or distribute this software for any purpose", "isc"),
        (GPL, "gpl"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n incorporates the GNU General Public License", "lgpl"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n ... GNU General Public License", "agpl"),
        ("Mozilla Public License Version 2.0 ... GNU General Public License", "mpl-2.0"),
        ("This is free and unencumbered software released into the public domain.", "unlicense"),
        ("PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2 ... GNU General Public License", "psf"),
        ("# " + MIT.replace(", ", ",\n# "), "mit"),
        (f"{MIT}\n\nParts: Python Software Foundation License, {GPL}", "mit"),
        ("All rights reserved.", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_licence_text_is_told_by_the_phrase_that_stands_first(text: str, name: str) -> None:
    assert detect_licence(text) == name


@pytest.mark.parametrize(
    ("statements", "name"),
    [
        (["MIT"], "mit"),
        (["License :: OSI Approved :: BSD License"], "bsd-3-clause"),
        (["Apache-2.0 OR BSD-2-Clause"], "apache-2.0"),
        (["License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)"], "lgpl"),
        (["GPL-3.0-or-later"], "gpl"),
        (["PSF-2.0"], "psf"),
        (["License :: OSI Approved", "MIT License"], "mit"),
        ([f"Copyright (c) 2020 A. All of this is long. {'x' * 200} {MIT}"], "mit"),
        (["committed to quality"], "unknown"),
        ([], "unknown"),
    ],
)
def test_package_metadata_names_a_licence(statements: list[str], name: str) -> None:
    assert metadata_licence(statements) == name


@pytest.mark.parametrize("name", ["LICENSE", "licence.txt", "COPYING", "LICENSE.BSD", "UNLICENSE"])
def test_licence_files_are_known_by_their_names(name: str) -> None:
    assert LICENCE_FILES.match(name)
    assert not LICENCE_FILES.match(f"my{name}")
