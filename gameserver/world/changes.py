"""What a session keeps of a player besides its place comes in parts: inventory, state, actions, speech. Each calls its
``on_change`` after a change, so that a tick asks those who changed, and not everybody."""


def ignore_change() -> None:
    """The ``on_change`` of a part whose player is in no zone."""
