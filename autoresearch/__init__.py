"""The lab: contract, workspace, runs, scoring, judging, ledger. `Lab` in lab.py is its face."""
