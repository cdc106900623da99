"""Grade an answer: run it in a child process, compare it, and name the misconception it shows."""
