"""Code that the lab and the teacher share: the base of their errors. It imports nothing."""
