"""What keeps a document out of the corpus: credentials, near-duplicates, benchmarks."""
