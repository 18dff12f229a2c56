"""Feedback: takes what was offered and a document's edits, gives what became of it, to sinks.

Nothing is tracked, and no file is made, until the setting `feedback` is on.
"""
