"""Run recorded experiments again, and judge another tool's log of results."""
