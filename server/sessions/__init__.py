"""Calls to labs and learners: threads, locks, and the process that runs answers."""
