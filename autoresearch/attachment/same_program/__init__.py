"""Find where the program that the lab runs would differ from the one that the user runs."""
