"""Live sessions in Redis: keys, scripts, leases, and the tick's write."""
