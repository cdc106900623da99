"""The machine as every room uses it: homes, locks, hashes, processes, files."""
