"""What can break, a module for each thing that does: how it is broken, how it is mended, what it may cost."""
