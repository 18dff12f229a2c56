"""Text from elsewhere that helps at a cursor: takes its surroundings, gives snippets to show."""
