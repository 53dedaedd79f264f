"""Pages for people who sign in: researchers, referees (by a link), access officers."""
