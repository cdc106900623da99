"""A learner's record: an append-only, signed chain of events, and its export."""
