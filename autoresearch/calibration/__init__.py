"""Measure how often the judge is wrong, on simulated runs and on real runs of unchanged code."""
