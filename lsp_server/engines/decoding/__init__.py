"""Writing one completion, token by token."""
