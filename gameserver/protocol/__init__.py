"""The wire protocol: messages, their codec, errors and close codes, the binary world. Pure: no I/O, no time."""
