"""What languages are made of: one table of them, and what is read by it."""
