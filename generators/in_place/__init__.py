"""Datasets summarised where they live: only aggregates travel (`opening`, `summarising`, `schema_of`)."""
