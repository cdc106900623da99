"""The searchers, and the models by which they choose."""
