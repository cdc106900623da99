"""The sandboxes behind `autoresearch.sandboxes.selection`, and what they are made of."""
