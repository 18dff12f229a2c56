"""Who may ask: keys, how much each person may ask, and what became of it."""
