"""Tables as small whole numbers, and back: what every learned generator learns."""
