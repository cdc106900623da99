"""Clues in a repository's files: how it is started, how long it runs, whose modules it imports."""
