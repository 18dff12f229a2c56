"""Pairs of a better and a worse completion, from several sources."""
