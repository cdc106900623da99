"""The research loop: propose, run, evaluate, conclude, recall."""
