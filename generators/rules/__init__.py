"""The rule language: grammar, meaning, discovery, checks, and keeping rules in generated rows."""
