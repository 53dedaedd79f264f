"""Noisy tables of pairs of columns, chosen with noise, and the distribution that fits them: differential privacy from end to end."""
