"""Who may have safeguarded data: people, applications, grants, tokens, what was handed out, and reaching those who hold it."""
