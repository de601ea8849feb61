"""Players' sockets and the page: bytes in, messages out. The only folder that imports websockets."""
