"""Completions at places that a file lists, each beside what is right there."""
