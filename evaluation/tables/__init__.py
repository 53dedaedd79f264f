"""The tables that are compared: columns, codes, features, points."""
