"""What we think a dataset is: kinds of content, keys, sentinels, for a steward to confirm."""
