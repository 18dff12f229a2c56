"""A language client that the benchmarks drive servers with."""
