"""From runs to verdicts: evidence, judgement, keeps, reversals and the lab's track record."""
