"""Live sessions in Redis: hashes, keys, scripts. The only folder that imports redis."""
