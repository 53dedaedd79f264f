"""What a release tells about real people: copies, rare values, attacks, each beside people held out."""
