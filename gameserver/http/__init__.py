"""Plain HTTP on the players' port: the page, health, and the host names that are answered to."""
