"""The flagship: each part of a row drawn given those before it, by a small network beside counted tables."""
