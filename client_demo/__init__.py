"""Programs that play: a terminal client for a person, and a swarm of bots."""
