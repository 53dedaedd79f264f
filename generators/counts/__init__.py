"""Counting persons exactly, wherever rows are."""
