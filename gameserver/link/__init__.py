"""The link between edge and host: its messages and their carrier. Neither side reaches around it."""
