"""What pages show of a release, and the words they use."""
