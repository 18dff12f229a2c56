"""What the last commits of a repository added, typed into the state before them."""
