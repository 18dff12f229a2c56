"""Benchmarks over the protocol: take real files and any language server's command, give figures."""
