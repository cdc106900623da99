"""The append-only record of a lab: events, their history, search, and verification."""
