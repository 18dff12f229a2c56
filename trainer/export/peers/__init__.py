"""The same weights for other engines, to compare with."""
