"""Leave out each keep in turn, run the code without it beside the whole, and drop the passengers.

It goes in passes. In a pass every keep that can be left out alone is judged against the same whole,
in rounds of runs that are fixed beforehand. Several passengers are then left out together and
judged once more, with control runs of their own: two keeps may do the same thing, so that either
can go, but not both. If that is worse, the one whose removal cost the most returns. What remains is
the whole of the next pass, in which keeps are judged that could not be left out before, since what
was built on them is gone. The last pass is the one that drops nothing.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from autoresearch.errors import InvalidStateError
from autoresearch.finalization.fresh_runs import (
    Allowance,
    FreshRuns,
    Variant,
    Wanted,
    failure_of,
    measured_values,
)
from autoresearch.finalization.passenger_test import (
    FIRST_CONTROLS,
    FIRST_RUNS,
    MORE_CONTROLS,
    MOST_RUNS,
    Removal,
    Standing,
    judge_removal,
)
from autoresearch.finalization.removal import KeptLine, variant_name
from autoresearch.lab import Lab
from autoresearch.records import RunReport
from autoresearch.statistics.gates import Judgement
from autoresearch.verdicts.judgement import kept_as_simpler, log_scale, lower_is_better

ROUNDS = MOST_RUNS - FIRST_RUNS + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAnswer:
    """One keep at the end, with what leaving it out does; metric units."""

    keep: str
    standing: Standing
    gain: float | None = None  # of having it, positive is better; None where nothing was measured
    low: float | None = None  # 95 % interval
    high: float | None = None
    sigma: float | None = None
    runs: int = 0  # without it
    controls: int = 0  # of the whole, beside them
    why: str = ""  # in addition to the standing

    @property
    def dropped(self) -> bool:
        """Return True if the final code is without it."""
        return self.standing.dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class JointAnswer:
    """Several passengers that were left out together."""

    keeps: tuple[str, ...]
    holds: bool  # the code is no worse without all of them
    gain: float | None  # of having them
    low: float | None
    high: float | None
    runs: int
    controls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """The answer on every keep, in the order in which they were kept."""

    answers: tuple[KeepAnswer, ...]
    joint: tuple[JointAnswer, ...] = ()

    @property
    def dropped(self) -> tuple[str, ...]:
        """Return the passengers."""
        return tuple(one.keep for one in self.answers if one.dropped)

    @property
    def standing(self) -> tuple[str, ...]:
        """Return the keeps that the final code has."""
        return tuple(one.keep for one in self.answers if not one.dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The judge's answer on one variant, or why there is none."""

    standing: Standing
    judgement: Judgement | None = None
    runs: int = 0
    controls: int = 0
    why: str = ""


class Ablator:
    """Carries the passes out."""

    def __init__(
        self,
        lab: Lab,
        line: KeptLine,
        fresh: FreshRuns,
        allowance: Allowance,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; `now` is the clock that the allowance is read by."""
        self._lab, self._line, self._fresh = lab, line, fresh
        self._allowance, self._now = allowance, now
        self._answers: dict[str, KeepAnswer] = {}
        self._joint: list[JointAnswer] = []

    def ablate(self) -> Ablation:
        """Return the answer on every keep; what is known already is not run again.

        Raises InvalidStateError where runs of the incumbent itself fail.
        """
        for number in range(1, len(self._line.keeps) + 1):
            if not self._dropped_in_pass(number):
                break
        for keep in self._line.keeps:
            if keep not in self._answers:
                self._answers[keep] = KeepAnswer(
                    keep=keep, standing=Standing.NEEDED, why=self._needed_by(keep)
                )
        answers = tuple(self._answers[keep] for keep in self._line.keeps)
        return Ablation(answers=answers, joint=tuple(self._joint))

    @property
    def _dropped(self) -> tuple[str, ...]:
        return tuple(keep for keep in self._line.keeps if self._is_dropped(keep))

    def _is_dropped(self, keep: str) -> bool:
        return keep in self._answers and self._answers[keep].dropped

    def _dropped_in_pass(self, number: int) -> bool:
        """Judge what can be left out now; return whether something was dropped."""
        before = self._dropped
        chosen = [
            keep
            for keep in self._line.keeps
            if keep not in self._answers and self._line.removable(keep, before)
        ]
        whole = self._variant(before, f"-pass{number}")
        chosen = [keep for keep in chosen if not self._is_gone(keep, before, whole)]
        variants = {keep: self._variant((*before, keep)) for keep in chosen}
        found = self._judge_all(whole, variants, f"pass {number}")
        for keep, answer in found.items():
            self._answers[keep] = _answer(keep, answer)
        passengers = [keep for keep in chosen if self._is_dropped(keep)]
        self._drop_together(before, passengers, number)
        return self._dropped != before

    def _is_gone(self, keep: str, before: Collection[str], whole: Variant) -> bool:
        """Note a keep of whose patch the code has nothing left, so that no run could tell."""
        tree = self._line.tree_without({*before, keep})
        if tree != self._line.tree_of(whole.commit):
            return False
        self._answers[keep] = KeepAnswer(keep=keep, standing=Standing.GONE)
        return True

    def _drop_together(self, before: Collection[str], passengers: list[str], number: int) -> None:
        """Let passengers return, the costliest first, until the rest can go together."""
        while len(passengers) > 1:
            together = self._line.in_order(passengers)
            if self._line.removable(together[0], (*before, *together)):
                joint = self._judge_joint(before, together, number)
                self._joint.append(joint)
                if joint.holds:
                    return
            costliest = max(passengers, key=lambda keep: self._answers[keep].gain or 0.0)
            passengers.remove(costliest)
            known = self._answers[costliest]
            self._answers[costliest] = KeepAnswer(
                keep=costliest,
                standing=Standing.RETURNED,
                gain=known.gain,
                low=known.low,
                high=known.high,
                sigma=known.sigma,
                runs=known.runs,
                controls=known.controls,
                why=f"not together with {', '.join(passengers)}",
            )

    def _judge_joint(
        self, before: Collection[str], together: Sequence[str], number: int
    ) -> JointAnswer:
        name = "-".join(together)
        whole = self._variant(before, f"-pass{number}-beside-{name}")
        variant = self._variant((*before, *together), "-together")
        words = f"{', '.join(together)} left out together"
        found = self._judge_all(whole, {name: variant}, words)[name]
        gain = found.judgement
        return JointAnswer(
            keeps=tuple(together),
            holds=found.standing is Standing.PASSENGER,
            gain=_negative(gain.effect) if gain else None,
            low=_negative(gain.high) if gain else None,
            high=_negative(gain.low) if gain else None,
            runs=found.runs,
            controls=found.controls,
        )

    def _judge_all(
        self, whole: Variant, variants: dict[str, Variant], what: str
    ) -> dict[str, _Found]:
        """Judge variants against the whole, in rounds, until each has an answer or runs are out."""
        found: dict[str, _Found] = {}
        last: dict[str, _Found] = {}
        for number in range(1, ROUNDS + 1):
            open_ones = {name: one for name, one in variants.items() if name not in found}
            wanted = _round(whole, tuple(open_ones.values()), number)
            missing = self._fresh.missing(wanted)
            if not open_ones or not self._affordable(missing):
                break
            reports = dict(zip(wanted, self._fresh.run(wanted, what), strict=True))
            controls = self._controls(whole, reports)
            for name, one in open_ones.items():
                runs = [report for asked, report in reports.items() if asked.variant == one]
                last[name] = self._judge_one(name, runs, controls)
                if last[name].standing is not Standing.UNDECIDED or number == ROUNDS:
                    found[name] = last[name]
        return {name: found.get(name) or _out_of_runs(last.get(name)) for name in variants}

    def _affordable(self, missing: int) -> bool:
        return not missing or self._allowance.covers(self._fresh.used, missing, self._now())

    def _controls(self, whole: Variant, reports: dict[Wanted, RunReport]) -> list[float]:
        runs = [report for asked, report in reports.items() if asked.variant == whole]
        failed = failure_of(runs)
        if failed:
            raise InvalidStateError(
                f"A fresh run of {self._line.history.kept[-1]} failed: {failed}",
                "Look at `autoresearch-mcp doctor`; what was measured is kept, so `finalize` goes "
                "on from there.",
                reason="incumbent_fails",
            )
        return measured_values(runs)

    def _judge_one(self, name: str, runs: Sequence[RunReport], controls: Sequence[float]) -> _Found:
        failed = failure_of(runs)
        if failed:
            return _Found(standing=Standing.BREAKS, runs=len(runs), why=failed)
        values, contract = measured_values(runs), self._lab.contract
        single = name in self._line.keeps
        answer: Removal = judge_removal(
            values,
            controls,
            lower_is_better=lower_is_better(contract),
            log=log_scale(contract),
            simplification=single and kept_as_simpler(self._line.history, name, contract),
        )
        return _Found(
            standing=answer.standing or Standing.UNDECIDED,
            judgement=answer.judgement,
            runs=len(values),
            controls=len(controls),
            why=answer.judgement.reason if answer.standing is None else "",
        )

    def _variant(self, left_out: Collection[str], suffix: str = "") -> Variant:
        names = self._line.in_order(left_out)
        return Variant(
            name=f"{variant_name(names)}{suffix}",
            commit=self._line.commit_without(names),
            experiment=self._line.history.kept[-1],
        )

    def _needed_by(self, keep: str) -> str:
        return self._line.built_on(keep) or ""


def _round(whole: Variant, others: Sequence[Variant], number: int) -> list[Wanted]:
    """Return all runs up to a round, in the order in which they are made: both sides in turn."""
    controls = FIRST_CONTROLS + MORE_CONTROLS * (number - 1)
    runs = FIRST_RUNS + number - 1
    wanted: list[Wanted] = []
    for n in range(1, max(controls, runs) + 1):
        if n <= controls:
            wanted.append(Wanted(variant=whole, number=n))
        if n <= runs:
            wanted += [Wanted(variant=one, number=n) for one in others]
    return wanted


def _out_of_runs(last: _Found | None) -> _Found:
    if last is None:
        return _Found(standing=Standing.UNDECIDED, why="no runs were left for it")
    return _Found(
        standing=Standing.UNDECIDED,
        judgement=last.judgement,
        runs=last.runs,
        controls=last.controls,
        why="no more runs were left for it",
    )


def _answer(keep: str, found: _Found) -> KeepAnswer:
    judgement = found.judgement
    return KeepAnswer(
        keep=keep,
        standing=found.standing,
        gain=_negative(judgement.effect) if judgement else None,
        low=_negative(judgement.high) if judgement else None,
        high=_negative(judgement.low) if judgement else None,
        sigma=judgement.noise.sigma if judgement and judgement.noise else None,
        runs=found.runs,
        controls=found.controls,
        why=found.why,
    )


def _negative(value: float | None) -> float | None:
    return None if value is None else 0.0 - value
