"""What players say: the zone's channel, whispers, and the lines kept."""
