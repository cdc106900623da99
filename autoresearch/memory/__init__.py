"""What a lab remembers of ideas: claims, dead ends, their tree, lessons against verdicts."""
