"""Which runs start, which control run is preempted and why others wait: pure decisions."""
