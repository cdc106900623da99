"""Attacks the lab with patches that cheat, and shows that honest ones pass.

`catalogue` reads the patches, `bait` plants what a cheat may reach for, `arena` makes the lab they
run in, `trials` runs them, `judging` says what came of each. docs/redteam.md has the table.
"""
