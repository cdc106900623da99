"""Bring an experiment to its verdict, one step at a time: what ran, what is missing, what it says.

Each call does what can be done now and returns; nothing waits here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, log10

from autoresearch.contract import Contract
from autoresearch.errors import LedgerDamaged, NotNow
from autoresearch.history import History
from autoresearch.judge import GATE, JUDGE_VERSION, Judgement, interval, judge, measure_noise
from autoresearch.ledger import Ledger
from autoresearch.records import Event, Judged, Outcome, RunState, Verdict
from autoresearch.runs import Runs
from autoresearch.views import Evaluation, Incumbent, RunValue

MOST_LOST = 2  # repeats of runs that were lost to no fault of their own


@dataclass(frozen=True, slots=True)
class Evidence:
    """The run ids that a verdict rests on, in the order they were started."""

    candidate: tuple[str, ...]
    controls: tuple[str, ...]
    noise: tuple[tuple[str, ...], ...]


def measured(history: History, experiment: str) -> tuple[str, ...]:
    """The experiment's runs that used their whole budget and have a measurement."""
    reports = history.reports_of(experiment)
    return tuple(r.run for r in reports if r.measurement is not None and not r.cut)


def controls_of(history: History, experiment: str) -> tuple[str, ...]:
    """Its measured runs but those it was kept on, which were chosen for being good."""
    verdict = history.verdicts.get(experiment)
    chosen = verdict.candidate_runs if verdict else ()
    return tuple(run for run in measured(history, experiment) if run not in chosen)


def line_to(history: History, experiment: str) -> tuple[str, ...]:
    """The kept line up to an experiment that is on it."""
    return history.kept[: history.kept.index(experiment) + 1]


def gather(history: History, experiment: str) -> Evidence:
    """What there is on an experiment and on the kept line up to its base."""
    base = history.experiments[experiment].base
    line = line_to(history, base) if base else ()
    return Evidence(
        candidate=measured(history, experiment),
        controls=controls_of(history, base) if base else (),
        noise=tuple(controls_of(history, kept) for kept in line),
    )


def values(history: History, runs: Sequence[str]) -> list[float]:
    """Measurements by run id, metric units."""
    reports = (history.reports[run].measurement for run in runs)
    return [report.value for report in reports if report is not None]


def weigh_evidence(history: History, evidence: Evidence, contract: Contract) -> Judgement:
    """The judge's word on that evidence."""
    return judge(
        values(history, evidence.candidate),
        values(history, evidence.controls),
        [values(history, group) for group in evidence.noise],
        lower_is_better=contract.metric.direction == "min",
    )


def incumbent_view(history: History, contract: Contract) -> Incumbent:
    """The tip of the kept line, with the interval of its mean."""
    tip = history.kept[-1]
    found = values(history, controls_of(history, tip) or measured(history, tip))
    noise = measure_noise([values(history, controls_of(history, kept)) for kept in history.kept])
    mean = sum(found) / len(found) if found else None
    low = high = None
    if mean is not None and noise is not None:
        # The interval of one mean: the other side of the difference is known exactly.
        low, high = interval(mean, noise, len(found), 10**9)
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
    )


def _mean_cpu_s(history: History, experiment: str) -> float | None:
    whole = [history.reports[run].cpu_s for run in measured(history, experiment)]
    return sum(whole) / len(whole) if whole else None


def refuse_more_runs(experiment: str, history: History) -> None:
    """Raise NotNow where another run would be one more than the judge asked for.

    Who could add runs at will, seeing each value, could go on until it looks good.
    """
    known = history.experiment(experiment)
    if experiment in history.kept:
        if len(controls_of(history, experiment)) + _going(history, experiment) < GATE.most_controls:
            return
        raise NotNow(
            f"{experiment} has its {GATE.most_controls} control runs.", "Propose an experiment."
        )
    if experiment in history.verdicts:
        raise NotNow(
            f"{experiment} has its verdict: {history.verdicts[experiment].outcome}.",
            "Propose another experiment.",
        )
    states = [r.state for r in history.reports_of(known.id)]
    if _going(history, experiment) or any(state is not RunState.LOST for state in states):
        raise NotNow(
            f"{experiment} has had its first run.",
            f"evaluate_metric with experiment={experiment!r} starts the further ones it needs.",
        )


def step(experiment: str, runs: Runs, ledger: Ledger, contract: Contract) -> Evaluation:
    """Take in what ended, give the verdict if it is due, else start what it needs."""
    runs.absorb()
    history = ledger.history()
    if experiment not in history.verdicts:
        verdict = due_verdict(experiment, history, contract)
        if verdict is not None:
            _give(verdict, ledger)
        else:
            _start_missing(experiment, history, runs, contract)
    return view(experiment, ledger.history(), contract)


def view(experiment: str, history: History, contract: Contract) -> Evaluation:
    """How far the experiment is."""
    evidence = gather(history, experiment)
    base = history.experiments[experiment].base
    verdict = history.verdicts.get(experiment)
    so_far = weigh_evidence(history, evidence, contract)
    going = [run.id for run in history.unfinished() if run.experiment in (experiment, base)]
    return Evaluation(
        experiment=experiment,
        hypothesis=history.experiments[experiment].hypothesis,
        concluded=experiment in history.lessons,
        verdict=verdict,
        effect=verdict.effect if verdict else so_far.effect,
        low=verdict.low if verdict else so_far.low,
        high=verdict.high if verdict else so_far.high,
        sigma=so_far.noise.sigma if so_far.noise else None,
        runs=_run_values(history, experiment),
        controls=_run_values(history, base) if base else (),
        running=tuple(going),
        needs="" if verdict else _needs(experiment, history, so_far),
        incumbent=incumbent_view(history, contract),
        replayed_as=next(
            (e.id for e in history.experiments.values() if e.replay_of == experiment), None
        ),
    )


def judge_again(history: History, verdict: Verdict, contract: Contract) -> Verdict:
    """Derive a verdict anew from everything that came before it; `verify` compares the two.

    Nothing of the verdict is believed but which experiment it is on. How it is worded is left as
    it is, since words may change and what they say may not. Raises LedgerDamaged where the runs
    allow no verdict.
    """
    again = due_verdict(verdict.experiment, history, contract)
    if again is None:
        raise LedgerDamaged(f"The runs before the verdict on {verdict.experiment} allow none.")
    return replace(again, sentence=verdict.sentence)


def due_verdict(experiment: str, history: History, contract: Contract) -> Verdict | None:
    """The verdict that the runs so far allow; None while more are needed or going."""
    base = history.experiments[experiment].base
    if base is None:
        return None
    ended = _ended_early(history, experiment)
    if ended is not None:
        return _early_verdict(experiment, base, *ended)
    if _going(history, experiment):
        return None
    evidence = gather(history, experiment)
    judgement = weigh_evidence(history, evidence, contract)
    if judgement.outcome is None:
        return None
    moves = judgement.outcome is Outcome.KEEP and base == history.incumbent
    return _verdict(experiment, base, evidence, judgement, contract, moves)


def _ended_early(history: History, experiment: str) -> tuple[Outcome, str, str] | None:
    """The first crash, stop or cut, or too many losses: what ends an experiment unmeasured."""
    for report in history.reports_of(experiment):
        if report.state is RunState.CRASHED:
            return Outcome.CRASHED, report.run, report.reason
        if report.state is RunState.STOPPED:
            return Outcome.DISCARD, report.run, "it was stopped before it could be measured"
        if report.cut:
            used = f" after {report.tokens:,} training tokens" if report.tokens else ""
            words = f"cut at {report.cut}{used}: it costs more than a run may, so it was not judged"
            return Outcome.DISCARD, report.run, words
    lost = [r for r in history.reports_of(experiment) if r.state is RunState.LOST]
    if len(lost) > MOST_LOST:
        return (
            Outcome.TAINTED,
            lost[-1].run,
            f"{len(lost)} runs were lost, the last: {lost[-1].reason}",
        )
    return None


def _early_verdict(experiment: str, base: str, outcome: Outcome, run: str, reason: str) -> Verdict:
    return Verdict(
        experiment=experiment,
        base=base,
        outcome=outcome,
        effect=None,
        low=None,
        high=None,
        sigma=None,
        evidence=None,
        candidate_runs=(run,),
        control_runs=(),
        noise_runs=(),
        sentence=f"{run}: {reason.rstrip('.')}: {outcome}",
        judge_version=JUDGE_VERSION,
        moved_incumbent=False,
    )


def _verdict(
    experiment: str,
    base: str,
    evidence: Evidence,
    judgement: Judgement,
    contract: Contract,
    moves: bool,
) -> Verdict:
    assert judgement.outcome is not None
    assert judgement.noise is not None
    return Verdict(
        experiment=experiment,
        base=base,
        outcome=judgement.outcome,
        effect=judgement.effect,
        low=judgement.low,
        high=judgement.high,
        sigma=judgement.noise.sigma,
        evidence=judgement.evidence,
        candidate_runs=evidence.candidate,
        control_runs=evidence.controls,
        noise_runs=evidence.noise,
        sentence=_sentence(judgement, evidence, contract.metric.unit),
        judge_version=JUDGE_VERSION,
        moved_incumbent=moves,
    )


def _sentence(judgement: Judgement, evidence: Evidence, unit: str) -> str:
    assert judgement.noise is not None
    digits = decimals(judgement.noise.sigma)
    n, k = len(evidence.candidate), len(evidence.controls)
    return (
        f"{judgement.effect:+.{digits}f} {unit} (95 % interval {judgement.low:.{digits}f} to "
        f"{judgement.high:.{digits}f}) over {n} run{'s' * (n != 1)} against {k} controls: "
        f"{judgement.outcome} ({judgement.reason})"
    )


def decimals(sigma: float) -> int:
    """How many decimals say something beside that noise: one digit below sigma's first."""
    return min(8, max(1, 1 - floor(log10(sigma))))


def _give(verdict: Verdict, ledger: Ledger) -> None:
    def build(history: History) -> Event | None:
        if verdict.experiment in history.verdicts:
            return None
        if verdict.moved_incumbent and history.incumbent != verdict.base:
            raise NotNow(
                "The incumbent moved while this was judged.", "Call evaluate_metric again."
            )
        return Judged(verdict=verdict)

    ledger.append(build)


def _start_missing(experiment: str, history: History, runs: Runs, contract: Contract) -> None:
    """Start what the judge needs, candidate first, as far as devices are free."""
    free = len(runs.executor.device_names()) - len(history.unfinished())
    base = history.experiments[experiment].base
    wanted: list[str] = []
    if base is None:
        missing = GATE.fewest_controls - len(measured(history, experiment))
        wanted += [experiment] * (missing - _going(history, experiment))
        _refuse_hopeless(history, experiment)
    else:
        judgement = weigh_evidence(history, gather(history, experiment), contract)
        _refuse_hopeless(history, base)
        wanted += [experiment] * (judgement.more_runs - _going(history, experiment))
        wanted += [base] * (judgement.more_controls - _going(history, base))
    for one in wanted[: max(free, 0)]:
        runs.start(one)


def _going(history: History, experiment: str) -> int:
    return sum(run.experiment == experiment for run in history.unfinished())


def _refuse_hopeless(history: History, experiment: str) -> None:
    """Raise NotNow where the incumbent itself does not run, so that nothing can be compared."""
    failed = [r for r in history.reports_of(experiment) if r.measurement is None or r.cut]
    if len(failed) > MOST_LOST and len(failed) > len(measured(history, experiment)):
        raise NotNow(
            f"{len(failed)} runs of the incumbent {experiment} failed: "
            f"{failed[-1].cut or failed[-1].reason}",
            "Mend the target (command, data, python, ceilings) or the machine "
            "(`autoresearch-mcp doctor`), and open it as a new lab.",
        )


def _run_values(history: History, experiment: str) -> tuple[RunValue, ...]:
    found = []
    for run in history.runs_of(experiment):
        report = history.reports.get(run.id)
        value = report.measurement.value if report and report.measurement else None
        found.append(
            RunValue(run=run.id, state=report.state if report else RunState.TRAINING, value=value)
        )
    return tuple(found)


def _needs(experiment: str, history: History, judgement: Judgement) -> str:
    if history.experiments[experiment].base is not None:
        return judgement.reason
    missing = GATE.fewest_controls - len(measured(history, experiment))
    return f"needs {missing} more runs to measure the noise" if missing > 0 else ""
