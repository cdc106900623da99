"""Sealed scoring: a model in one process, the targets in another."""
