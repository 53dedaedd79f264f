"""What is made of confirmed data: keys checked, persons behind tokens, train and holdout."""
