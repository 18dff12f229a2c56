"""Completions with and without text of other files."""
