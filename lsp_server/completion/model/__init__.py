"""Loading a model: its bundle is tried in a process of its own first."""
