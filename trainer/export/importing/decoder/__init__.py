"""One decoder with switches, and the architectures that are settings of it."""
