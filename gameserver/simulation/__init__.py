"""The game plug, one tick as named steps, and the loop that drives the zones."""
