"""The proof of speed: what a player costs per tick, beside what the bare system calls and other servers cost."""
