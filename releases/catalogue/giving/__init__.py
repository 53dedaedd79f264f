"""What visitors give back: reports, uses, publications; and what the public is told of use."""
