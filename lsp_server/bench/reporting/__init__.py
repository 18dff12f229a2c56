"""From what a replay measured to figures with intervals, in words."""
