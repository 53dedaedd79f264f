"""The interface for machines: what a steward's program may do with a personal token, through the same services as the pages."""
