"""Everything that knows the Language Server Protocol."""
