"""The base of every service. A service is a part that is neither a socket nor a zone, such as chat."""
