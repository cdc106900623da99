"""`teach`: commands for learners and for course authors."""
