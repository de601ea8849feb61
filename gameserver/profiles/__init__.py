"""Saved profiles in SQL: everything that must survive all other parts."""
