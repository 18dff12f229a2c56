"""Everything that trainer and server must agree on."""
