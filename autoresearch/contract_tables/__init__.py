"""Tables of a contract that are more than a few keys: the metric, guards, knobs."""
