"""Memory of a lab's ideas: claims, dead ends, their tree, lessons against verdicts."""
