"""The catalogue for programs: `/api/v1/`."""
