"""Breakages, a module for each part that can break: the way to break it, the mend, and its permitted cost."""
