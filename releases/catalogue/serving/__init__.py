"""Handing out bytes: the store, ranges, single files and whole capsules."""
