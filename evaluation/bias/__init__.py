"""Whether every group of people is served alike."""
