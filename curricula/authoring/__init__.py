"""Tools for course authors: lint, coverage and mutation tests."""
