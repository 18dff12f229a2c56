"""The networks, their objective and how they are measured on held-out text."""
