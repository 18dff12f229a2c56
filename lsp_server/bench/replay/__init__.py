"""Typing real files again, to count what suggestions save."""
