"""A model that scores completions, learned from preferences."""
