"""Tunes an imported model by low-rank matrices beside its own, in the order it is served in."""
