"""A team's day in a minute: many developers ask one service at once."""
