"""Benchmarks that drive any language server on real files, over the protocol."""
