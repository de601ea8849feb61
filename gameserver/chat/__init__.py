"""Chat: the zone's channel, whispers, and the stored lines."""
