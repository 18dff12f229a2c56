"""Token blocks on disk, and how documents are cut into them."""
