"""Writes small repositories of made-up code in languages other than Python."""

import random
from pathlib import Path

WORDS = (
    *("order", "price", "user", "session", "message", "queue", "total", "invoice", "account"),
    *("window", "cursor", "token", "record", "filter", "bucket", "header", "route", "worker"),
)
TYPESCRIPT = """
/**
 * Gives the {a} of a {b}, or {n} where there is none.
 */
export function {a}Of{B}({b}: {B}): number {{
  const {c} = {b}.{a}s.filter((item) => item.{d} > {n});
  if ({c}.length === 0) {{
    return {n};
  }}
  return {c}.map((item) => item.{d}).reduce((sum, {d}) => sum + {d}, 0);
}}

export interface {B} {{
  // what the {b} is known by
  {d}: string;
  {a}s: Array<{{ {d}: number }}>;
}}
"""
GO = """
// {A}Of{B} gives the {a} of a {b}, or {n} where there is none.
func {A}Of{B}({b} *{B}) (int, error) {{
	{c} := {n}
	for _, item := range {b}.{A}s {{
		if item.{D} > {n} {{
			{c} += item.{D}
		}}
	}}
	if {c} == 0 {{
		return {n}, errors.New("no {a} in {b}")
	}}
	return {c}, nil
}}

type {B} struct {{
	{A}s []{D}
}}
"""
LICENCE = (
    "MIT License\n\nPermission is hereby granted, free of charge, to any person\nobtaining a copy"
)


def write_repositories(root: Path, language: str, count: int = 6, files: int = 4) -> None:
    """Plain folders of code with a licence, the same at every call."""
    for number in range(count):
        folder = root / f"r{number}"
        folder.mkdir(parents=True)
        (folder / "LICENSE").write_text(LICENCE)
        for each in range(files):
            rng = random.Random(f"{number} {each}")
            name, text = file_in(language, rng)
            (folder / f"{name}{each}.{'go' if language == 'go' else 'ts'}").write_text(text)


def file_in(language: str, rng: random.Random) -> tuple[str, str]:
    """A name and a dozen of functions of made-up code."""
    head = 'package main\n\nimport "errors"\n' if language == "go" else 'import "./base";\n'
    parts = []
    for _ in range(8):
        a, b, c, d = rng.sample(WORDS, 4)
        names = {"a": a, "b": b, "c": c, "d": d, "n": rng.randint(0, 99)}
        capital = {name.upper(): str(word).title() for name, word in names.items() if name != "n"}
        parts.append((GO if language == "go" else TYPESCRIPT).format(**names, **capital))
    return rng.choice(WORDS), head + "".join(parts)
