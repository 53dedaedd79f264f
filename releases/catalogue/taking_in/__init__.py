"""From the lake into the catalogue, and how old is what it knows."""
