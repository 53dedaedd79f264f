"""The family: what learns the joint distribution of coded rows."""
