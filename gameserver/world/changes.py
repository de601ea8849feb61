"""Changes of a player's kept parts besides its position: inventory, state, actions, speech. Each part calls its
``on_change`` after a change, so a tick looks at the players who changed, and not at everybody."""


def ignore_change() -> None:
    """The ``on_change`` of a part whose player is in no zone."""
