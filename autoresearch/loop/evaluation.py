"""Bring an experiment to its verdict, one step at a time: start what is missing, say how far it is.

Each call does what can be done now and returns; nothing waits here.
"""

import time
from collections.abc import Mapping, Sequence

from autoresearch.contract import Contract
from autoresearch.errors import InvalidStateError
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.loop.idle_controls import hopeless, resting
from autoresearch.loop.runs import Runs
from autoresearch.records import Event, Judged, Run, RunState, Verdict
from autoresearch.statistics.noise import interval, measure_noise
from autoresearch.statistics.sequential_test import GATE, JUDGE_VERSION, Judgement
from autoresearch.verdicts.assessment import assess
from autoresearch.verdicts.evidence import (
    built_on_taken_back,
    controls_of,
    gather,
    going,
    measured,
    values,
)
from autoresearch.verdicts.reversals import take_back
from autoresearch.verdicts.verdicts import due_verdict
from autoresearch.views import Controls, Evaluation, Incumbent, RunValue

BASELINE_RUNS = 6  # after which e0 counts as measured; the gate can do with fewer, less sharply


def step(experiment: str, runs: Runs, ledger: Ledger, contract: Contract) -> None:
    """Take in what ended, give the verdict if it is due, else start what it needs."""
    runs.absorb()
    take_back(ledger, contract)
    history = ledger.history()
    if experiment in history.verdicts:
        return
    verdict = due_verdict(experiment, history, contract)
    if verdict is not None:
        _give(verdict, ledger)
    else:
        _start_missing(experiment, history, runs, contract)


def refuse_more_runs(experiment: str, history: History) -> None:
    """Raise InvalidStateError where another run would be one more than the judge asked for.

    Who could add runs at will, seeing each value, could go on until it looks good.
    """
    known = history.experiment(experiment)
    if experiment in history.kept:
        if len(controls_of(history, experiment)) + going(history, experiment) < GATE.most_controls:
            return
        raise InvalidStateError(
            f"{experiment} has its {GATE.most_controls} control runs.", "Propose an experiment."
        )
    if experiment in history.verdicts:
        raise InvalidStateError(
            f"{experiment} has its verdict: {history.verdicts[experiment].outcome}.",
            "Propose another experiment.",
            reason="has_verdict",
        )
    if going(history, known.id) or any(not r.state.repeated for r in history.reports_of(known.id)):
        raise InvalidStateError(
            f"{experiment} has had its first run.",
            f"evaluate_metric with experiment={experiment!r} starts the further ones it needs.",
        )


def incumbent_view(history: History, contract: Contract) -> Incumbent:
    """The tip of the kept line, with the interval of its mean."""
    tip = history.kept[-1]
    fresh = controls_of(history, tip)
    found = values(history, fresh or measured(history, tip))
    noise = measure_noise([values(history, controls_of(history, kept)) for kept in history.kept])
    mean = sum(found) / len(found) if found else None
    low = high = None
    if mean is not None and noise is not None:
        # The interval of one mean: the other side of the difference is known exactly.
        low, high = interval(mean, noise, len(found), 10**9)
    reversals = list(history.reversals.values())
    back = reversals[-1] if reversals and reversals[-1].base == tip else None
    return Incumbent(
        experiment=tip,
        commit=history.experiments[tip].commit,
        runs=len(found),
        cpu_s=_mean_cpu_s(history, tip),
        mean=mean,
        low=low,
        high=high,
        sigma=noise.sigma if noise else None,
        kept=history.kept,
        instead_of=back.experiment if back else None,
        chosen=not fresh and bool(found),
    )


def view(
    experiment: str,
    history: History,
    contract: Contract,
    states: Mapping[str, RunState] | None = None,
) -> Evaluation:
    """How far the experiment is; `states` says where its unfinished runs are."""
    known = history.experiments[experiment]
    evidence = gather(history, experiment, contract, version=JUDGE_VERSION)
    verdict = history.verdicts.get(experiment)
    so_far = assess(history, experiment, evidence, contract)
    concerned = (experiment, known.base)
    unfinished = [run.id for run in history.unfinished() if run.experiment in concerned]
    return Evaluation(
        experiment=experiment,
        hypothesis=known.hypothesis,
        concluded=experiment in history.lessons,
        verdict=verdict,
        effect=verdict.effect if verdict else so_far.effect,
        low=verdict.low if verdict else so_far.low,
        high=verdict.high if verdict else so_far.high,
        sigma=so_far.noise.sigma if so_far.noise else None,
        runs=_run_values(history, experiment, states or {}) if known.base else (),
        controls=_controls(
            history, experiment, verdict.control_runs if verdict else evidence.controls
        ),
        running=tuple(unfinished),
        needs="" if verdict else _needs(experiment, history, so_far),
        incumbent=incumbent_view(history, contract),
        replayed_as=next(
            (e.id for e in history.experiments.values() if e.replay_of == experiment), None
        ),
        sandbox=sandbox_names(history, (*evidence.candidate, *evidence.controls)),
        taken_back=history.reversals.get(experiment),
        built_on_taken_back=built_on_taken_back(history, experiment),
    )


def sandbox_names(history: History, runs: Sequence[str]) -> str:
    """What held these runs, by name; several where they differ, "" where none began."""
    names = {history.reports[run].sandbox for run in runs}
    return ", ".join(sorted(filter(None, names)))


def _mean_cpu_s(history: History, experiment: str) -> float | None:
    whole = [history.reports[run].cpu_s for run in measured(history, experiment)]
    return sum(whole) / len(whole) if whole else None


def _give(verdict: Verdict, ledger: Ledger) -> None:
    def build(history: History) -> Event | None:
        if verdict.experiment in history.verdicts:
            return None
        if verdict.moved_incumbent and history.incumbent != verdict.base:
            raise InvalidStateError(
                "The incumbent moved while this was judged.", "Call evaluate_metric again."
            )
        return Judged(verdict=verdict)

    ledger.append(build)


def _start_missing(experiment: str, history: History, runs: Runs, contract: Contract) -> None:
    """Start what the judge needs: the candidate's runs, then controls as far as devices are free.

    A control makes room for the candidate, but not where the judge can't do without it: it would
    be started and given up again for every further run.
    """
    base = history.experiments[experiment].base
    if base is None:
        _refuse_hopeless(history, experiment)
        missing = BASELINE_RUNS - len(measured(history, experiment))
        _start_controls(experiment, missing - going(history, experiment), runs, history)
        return
    _refuse_hopeless(history, base)
    evidence = gather(history, experiment, contract, version=JUDGE_VERSION, now=time.time())
    judgement = assess(history, experiment, evidence, contract)
    first = not evidence.candidate
    pressing = first or len(evidence.controls) >= GATE.fewest_controls
    for _ in range(judgement.more_runs - going(history, experiment)):
        if not (runs.make_room() if pressing else runs.free_devices(history)):
            return
        runs.start(experiment)
        history = runs.ledger.history()
    _start_controls(base, judgement.more_controls - going(history, base), runs, history)


def _start_controls(experiment: str, missing: int, runs: Runs, history: History) -> None:
    if resting(history, experiment, time.time()):
        return
    for _ in range(min(missing, runs.free_devices(history))):
        runs.start(experiment)


def _refuse_hopeless(history: History, experiment: str) -> None:
    """Raise InvalidStateError if the incumbent itself does not run: nothing can be compared."""
    why = hopeless(history, experiment)
    if why:
        raise InvalidStateError(
            why,
            "Mend the target (command, data, python, ceilings) or the machine "
            "(`autoresearch-mcp doctor`), and open it as a new lab.",
        )


def _run_values(
    history: History, experiment: str, states: Mapping[str, RunState]
) -> tuple[RunValue, ...]:
    """The candidate's runs; those since it was kept are controls of others."""
    found = []
    for run in _until_kept(history, experiment):
        report = history.reports.get(run.id)
        value = report.measurement.value if report and report.measurement else None
        state = report.state if report else states.get(run.id, RunState.QUEUED)
        found.append(RunValue(run=run.id, state=state, value=value))
    return tuple(found)


def _until_kept(history: History, experiment: str) -> Sequence[Run]:
    """The runs that were planned before it was kept, if it was; else all of them."""
    runs = history.runs_of(experiment)
    verdict = history.verdicts.get(experiment)
    if verdict is None or not verdict.moved_incumbent:
        return runs
    last = max(n for n, run in enumerate(runs) if run.id in verdict.candidate_runs)
    return runs[: last + 1]


def _controls(history: History, experiment: str, compared: Sequence[str]) -> Controls:
    """The controls that it is compared with; of e0, all that it has."""
    base = history.experiments[experiment].base
    whose = base or experiment
    found = values(history, compared if base else controls_of(history, whose))
    reports = history.reports_of(whose)
    noise = measure_noise([found])
    return Controls(
        experiment=whose,
        count=len(found),
        mean=sum(found) / len(found) if found else None,
        sigma=noise.sigma if noise else None,
        lost=sum(report.state.repeated and not report.yielded for report in reports),
        yielded=sum(report.yielded for report in reports),
    )


def _needs(experiment: str, history: History, judgement: Judgement) -> str:
    base = history.experiments[experiment].base
    rests = resting(history, base or experiment, time.time())
    if base is not None:
        waits = bool(rests) and judgement.more_controls > 0
        return f"{judgement.reason}; {rests}" if waits else judgement.reason
    missing = BASELINE_RUNS - len(measured(history, experiment))
    if missing <= 0:
        return ""
    needs = f"needs {missing} more runs to measure the noise"
    return f"{needs}; {rests}" if rests else needs
