"""Arguments of callers: check hypotheses and lessons, and find the run that is meant."""

from autoresearch.errors import LabError, NotFoundError
from autoresearch.ledger.history import History
from autoresearch.verdicts.evidence import was_kept

SHORTEST = 8  # characters of a hypothesis or a lesson
LONGEST = 2000


def checked(name: str, text: str) -> str:
    """Return the hypothesis or lesson, stripped; raise LabError if it is too short or too long."""
    text = text.strip()
    if not text:
        raise LabError(f"The {name} is empty.", "Write a sentence: what, and why.")
    if len(text) < SHORTEST:
        raise LabError(f"The {name} {text!r} is too short.", "Write a sentence: what, and why.")
    if len(text) > LONGEST:
        raise LabError(f"The {name} has {len(text)} characters.", f"At most {LONGEST} are allowed.")
    return text


def choose_run(run_or_experiment: str | None, history: History) -> str:
    """Return the run, an experiment's newest run, or with None an active one, else the newest.

    Of the active ones, an experiment's run comes before a control run.
    """
    if run_or_experiment is None:
        if not history.runs:
            raise NotFoundError(
                "No run has been started yet.", "Call run_training with an experiment."
            )
        active = sorted(history.unfinished(), key=lambda run: was_kept(history, run.experiment))
        return active[0].id if active else list(history.runs)[-1]
    if run_or_experiment in history.runs:
        return run_or_experiment
    if run_or_experiment in history.experiments:
        runs = history.runs_of(run_or_experiment)
        if not runs:
            raise NotFoundError(
                f"{run_or_experiment} has no run yet.",
                f"Call run_training with experiment={run_or_experiment!r}.",
            )
        return runs[-1].id
    newest = ", ".join(list(history.runs)[-8:]) or "none yet"
    raise NotFoundError(
        f"There is no run or experiment {run_or_experiment!r}.",
        f"The newest runs: {newest}.",
        reason="run_or_experiment",
    )
