"""A release in the languages of other catalogues, tools and libraries."""
