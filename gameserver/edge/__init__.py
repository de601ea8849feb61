"""The edge of a node: players' sockets and the page. It speaks to the host through the link only."""
