"""Unchanged code proposed again and again on a real target, and a planted gain, judged as in a lab.

A lab in a temporary home: its sandbox, its scorer, its judge; only its ledger hears nothing. All
processes are gone and the home is removed when `calibrate` returns, however it returns.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from autoresearch.calibration.rivals import Rivals, compare
from autoresearch.calibration.trials import Trial
from autoresearch.calibration.unrecorded_runs import UnrecordedRuns
from autoresearch.errors import LabError, RunStartError
from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit, prepare
from autoresearch.records import Outcome, RunReport
from autoresearch.run_directory import RunDir, remove_tree
from autoresearch.statistics.gates import GATE, JUDGE_VERSION
from autoresearch.statistics.noise import measure_noise
from autoresearch.statistics.sequential_test import judge

CONTROLS = 20
REPEATS = 20  # of the planted gain
MOST_REPEATED = 2  # runs of one candidate that were lost or tainted; one more, and it is tainted

PLANTED = {
    "microgpt": (
        Edit(path="train.py", find="LEARNING_RATE = 0.01 ", replace="LEARNING_RATE = 0.015 "),
    )
}
"""Edits that are known to be a gain of 3 sigma or more, by target."""

Watch = Callable[[str, int, int], None]  # (what ended, how many so far, of how many)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One candidate, with what its runs measured."""

    trial: Trial
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Results that `aa-test --real` prints. Values are in the metric's unit."""

    target: str
    unit: str
    judge_version: int
    sandbox: str
    controls: tuple[float, ...]
    sigma: float  # of the controls
    nulls: tuple[Candidate, ...]
    planted: tuple[Candidate, ...]
    planted_effect: float | None  # mean of all its runs against the controls, positive is better
    rivals: Rivals | None  # None where too few nulls were measured
    seconds: float


@dataclass(eq=False)
class _Subject:
    """One candidate, or one control, on its way."""

    commit: str
    control: bool = False
    values: list[float] = field(default_factory=list)
    repeated: int = 0
    trial: Trial | None = None

    @property
    def ended(self) -> bool:
        """Return whether the subject needs no further run."""
        return bool(self.values) if self.control else self.trial is not None


def calibrate(
    nulls: int,
    *,
    watch: Watch,
    target: str = "microgpt",
    planted: Sequence[Edit] | None = None,
    repeats: int = REPEATS,
    controls: int = CONTROLS,
) -> Calibration:
    """Measure the controls, then judge unchanged code `nulls` times, then a planted gain.

    Args:
        nulls: candidates of unchanged code.
        watch: told as each control and candidate ends.
        target: what `Lab.open` takes.
        planted: edits that are a gain; None takes the one known for the target, () plants none.
        repeats: candidates of the planted gain.
        controls: runs of unchanged code that all are judged beside.

    Raises LabError where the target does not run, NotFoundError where there is none of that name.
    """
    if nulls < 1:
        raise LabError(
            f"Can't test {nulls} candidates.",
            "Give at least 1; 60 give a meaningful result.",
            reason="too_few_candidates",
        )
    if controls < GATE.fewest_controls:  # nothing would ever be judged
        few = f"{controls} controls are too few for any verdict."
        raise LabError(few, f"Give at least {GATE.fewest_controls}.", reason="too_few_controls")
    home = Path(tempfile.mkdtemp(prefix="autoresearch-aa-test-"))
    try:
        lab = Lab.open(target, home=home)
        with UnrecordedRuns[_Subject](lab, "aa-test") as outside:
            edits = PLANTED.get(target, ()) if planted is None else planted
            bench = _Bench(lab, watch, outside)
            return bench.calibrate(nulls, edits, repeats if edits else 0, controls)
    finally:
        remove_tree(home)


def broken_promises(found: Calibration) -> tuple[str, ...]:
    """Return the promises of docs/calibration.md that these real runs broke, one sentence each."""
    kept = sum(one.trial.outcome is Outcome.KEEP for one in found.nulls)
    planted = sum(one.trial.outcome is Outcome.KEEP for one in found.planted)
    broken = []
    if kept > max(1, len(found.nulls) // 60):
        broken.append(f"{kept} of {len(found.nulls)} candidates of unchanged code were kept")
    if planted < 0.9 * len(found.planted):
        broken.append(f"{planted} of {len(found.planted)} repeats of a real gain were kept")
    return tuple(broken)


class _Bench:
    """Takes candidates to their verdicts, outside the ledger."""

    def __init__(self, lab: Lab, watch: Watch, outside: UnrecordedRuns[_Subject]) -> None:
        self._lab = lab
        self._watch = watch
        self._outside = outside
        self._base = lab.history().experiments["e0"].commit
        self._lower = lab.contract.metric.direction == "min"
        self._done = 0
        self._all = 0
        self._sandbox = ""

    def calibrate(
        self, nulls: int, edits: Sequence[Edit], repeats: int, number: int
    ) -> Calibration:
        began = time.monotonic()
        self._all = number + nulls + repeats
        subjects = [_Subject(self._base, control=True) for _ in range(number)]
        self._run(subjects, ())
        controls = [subject.values[0] for subject in subjects]
        found = self._candidates(self._base, nulls, controls)
        planted = self._candidates(self._plant(edits), repeats, controls) if repeats else []
        noise = measure_noise([controls])
        assert noise is not None
        return Calibration(
            target=self._lab.contract.target.name,
            unit=self._lab.contract.metric.unit,
            judge_version=JUDGE_VERSION,
            sandbox=self._sandbox,
            controls=tuple(controls),
            sigma=noise.sigma,
            nulls=tuple(found),
            planted=tuple(planted),
            planted_effect=self._effect(planted, controls),
            rivals=self._rivals(found, controls, noise.sigma),
            seconds=time.monotonic() - began,
        )

    def _candidates(self, commit: str, number: int, controls: Sequence[float]) -> list[Candidate]:
        subjects = [_Subject(commit) for _ in range(number)]
        self._run(subjects, controls)
        return [
            Candidate(trial=subject.trial, values=tuple(subject.values))
            for subject in subjects
            if subject.trial is not None
        ]

    def _run(self, subjects: Sequence[_Subject], controls: Sequence[float]) -> None:
        """Run each until it has ended, those that were begun first."""

        def take(subject: _Subject, report: RunReport, _: RunDir) -> bool:
            self._take(subject, report)
            if not subject.ended and subject.values:
                self._judge(subject, controls)
            if subject.ended:
                self._done += 1
                outcome = "control" if subject.trial is None else str(subject.trial.outcome)
                self._watch(outcome, self._done, self._all)
            return subject.ended

        self._outside.run(subjects, take)

    def _take(self, subject: _Subject, report: RunReport) -> None:
        """Add what a run measured, or say how the candidate ended without."""
        self._sandbox = report.sandbox or self._sandbox
        if report.measurement is not None and not report.cut:
            subject.values.append(report.measurement.value)
            return
        if report.state.repeated and subject.repeated < MOST_REPEATED:
            subject.repeated += 1
            return
        if subject.control:
            raise RunStartError(
                f"A run of the unchanged target failed: {report.cut or report.reason}",
                "Fix the target or the machine (`autoresearch-mcp doctor`).",
                reason="target_fails",
            )
        outcome = Outcome.TAINTED if report.state.repeated else Outcome.CRASHED
        subject.trial = Trial(outcome=outcome, runs=_runs(subject) + 1, controls=0)

    def _judge(self, subject: _Subject, controls: Sequence[float]) -> None:
        now = judge(subject.values, controls, [controls], lower_is_better=self._lower)
        if now.outcome is not None:
            subject.trial = Trial(
                outcome=now.outcome,
                runs=_runs(subject),
                controls=len(controls),
                test=now.test,
            )

    def _plant(self, edits: Sequence[Edit]) -> str:
        """A commit of the planted gain on e0."""
        lab = self._lab
        patch = prepare(lab.repository, self._base, edits=edits, allow=lab.contract.edit.allow)
        return lab.repository.commit_tree(patch.tree, (self._base,), "a planted gain")

    def _effect(self, planted: Sequence[Candidate], controls: Sequence[float]) -> float | None:
        values = [value for one in planted for value in one.values]
        if not values:
            return None
        gain = fmean(controls) - fmean(values)
        return gain if self._lower else -gain

    def _rivals(
        self, nulls: Sequence[Candidate], controls: Sequence[float], sigma: float
    ) -> Rivals | None:
        """The rivals on the nulls' first runs, as one session; controls lie beside them in turn."""
        sign = 1.0 if self._lower else -1.0
        firsts = [sign * one.values[0] for one in nulls if one.values]
        if len(firsts) < 3:
            return None
        fresh = [sign * controls[1 + i % (len(controls) - 1)] for i in range(len(firsts))]
        return compare([sign * controls[0]], [firsts], [fresh], sigma)


def _runs(subject: _Subject) -> int:
    return len(subject.values) + subject.repeated
