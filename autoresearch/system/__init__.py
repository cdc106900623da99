"""The machine: homes, locks, hashes, processes."""
