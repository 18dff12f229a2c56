"""How long an editor waits: at start, and under a fast typist."""
