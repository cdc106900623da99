"""How often the judge is fooled: on simulated runs, and on real runs of unchanged code."""
