"""The files that are typed again: found, read, and rewritten in other forms."""
