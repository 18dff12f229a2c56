"""Open documents: text, edits, addresses, and what may be read."""
