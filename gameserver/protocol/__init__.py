"""What travels on the wire: messages, their codec, errors and close codes, the binary world. Pure: no I/O, no time."""
