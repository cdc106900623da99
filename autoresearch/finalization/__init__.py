"""Finish a lab: test what was kept once more, and leave a branch of what stood."""
