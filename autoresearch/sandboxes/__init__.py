"""The sandboxes behind `autoresearch.sandbox`, and what they are made of."""
