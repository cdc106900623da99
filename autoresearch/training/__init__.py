"""One run from start to end: the supervisor, its training process, and what watches it."""
