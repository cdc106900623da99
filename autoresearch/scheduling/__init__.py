"""Pure decisions: start runs, preempt a control run, and explain why others wait."""
