"""Print the answer of `autoresearch-mcp redteam --json` as the table of docs/redteam.md.

autoresearch-mcp redteam --json > redteam.json; uv run python scripts/redteam_table.py redteam.json
"""

import json
import sys
from pathlib import Path


def main(path: str) -> None:
    """One row a patch, and a last line with the counts."""
    report = json.loads(Path(path).read_text())
    for cheats, head in ((True, "| cheat | class | held by | came to |"), (False, "")):
        rows = [f for f in report["findings"] if f["cheats"] is cheats]
        if head and rows:
            print(head, "| --- | --- | --- | --- |", sep="\n")
            for row in rows:
                held_by = ", ".join(row["held_by"])
                print(f"| {row['name']} | {row['about']} | {held_by} | {row['outcome']} |")
        elif rows:
            print(
                "\n| honest patch | what it changes | came to | sigma |\n| --- | --- | --- | ---: |"
            )
            for row in rows:
                sigma = "" if row["gain_sigma"] is None else f"{row['gain_sigma']:+.1f}"
                print(f"| {row['name']} | {row['about']} | {row['outcome']} | {sigma} |")
    counts = ", ".join(f"{n} {outcome}" for outcome, n in report["counts"].items() if n)
    print(f"\n{counts}; sandbox: {report['sandbox']}; {report['seconds']:.0f} s.")


if __name__ == "__main__":
    main(sys.argv[1])
