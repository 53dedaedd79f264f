"""Finding releases: words, filters, order."""
