"""The architectures once more in float64, to compare an import with where nothing else can."""
