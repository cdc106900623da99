"""Attach the lab to a repository that never heard of it: look, propose a contract, prove it."""
