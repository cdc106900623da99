"""Pure statistics: noise, the sequential test, early stopping, scaling laws. No files, no clock."""
