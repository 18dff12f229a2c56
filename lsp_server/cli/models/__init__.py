"""`lory model`: the models that a user keeps, adds, chooses and removes."""
