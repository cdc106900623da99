"""Read what an untrusted run leaves behind: its log, curve, metric and memory errors."""
