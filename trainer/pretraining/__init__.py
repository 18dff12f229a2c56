"""Training a network from scratch, or from a bundle, on packed blocks."""
