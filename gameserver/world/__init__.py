"""The world: zones, their entities, interest, cells encoded once. Pure."""
