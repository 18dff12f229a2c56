"""`lory bench`: the commands that measure."""
