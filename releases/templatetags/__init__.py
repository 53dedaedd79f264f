"""Template filters of the secure site."""
