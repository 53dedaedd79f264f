"""From counts to what may leave: disclosure control, noise, what a summary exposes, its automatic review."""
