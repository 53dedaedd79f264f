"""Projects of other tools, carried over."""
