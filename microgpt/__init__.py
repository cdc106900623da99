"""The model that is taught: gpt.py in plain Python, and the same model on a NumPy autograd."""
