"""Results for clients from the lab's views: rounding, cutting, one-sentence summaries.

Pure functions. The only text of an untrusted program in a summary is an exception's first line,
in quotes.
"""

from collections.abc import Iterable, Sequence

from autoresearch.common.text import cut
from autoresearch.contract_tables.metric import Metric
from autoresearch.records import EndCause, Outcome, Prediction, RunState, Verdict
from autoresearch.run_output.curve import CurvePoint
from autoresearch.verdicts.ending import Ending
from autoresearch.views import (
    CodeSection,
    Conclusion,
    Controls,
    Evaluation,
    Incumbent,
    Overview,
    Proposal,
    Remembered,
    RunValue,
    RunView,
)
from server.views import next_steps
from server.views import research_results as results
from server.views.figures import count, effect, measured, quote, shorten
from server.views.memory_words import (
    DOUBTS,
    claims_shown,
    lines_of,
    memory,
    near_words,
    outcome_of,
    reopened_words,
)
from server.views.trust import (
    loudly,
    note,
    repetition_words,
    reversal_words,
    spread_words,
    trust_shown,
    unseen_words,
)

BRIEF_CHARACTERS = 3000
CONCISE_POINTS = 6
FULL_POINTS = 40


def lab_result(view: Overview) -> results.LabResult:
    """Return open_lab's answer."""
    tip = view.incumbent
    runs = sum(view.outcomes.values())
    led = [view.ending.sentence if view.ending else "", unseen_words(view)]
    return results.LabResult(
        summary=(
            f"{view.target}: incumbent {incumbent_words(tip, view.unit)}; "
            f"{count(runs, 'verdict')}{f' ({_tally(view.outcomes)})' if runs else ''}, "
            f"{len(view.open_experiments)} open, {count(len(view.running), 'run')} in progress."
            f"{''.join(f' {sentence}' for sentence in led if sentence)}{loudly(view.sandbox)}"
        ),
        next_step=next_steps.after_open(view),
        lab=view.lab,
        target=view.target,
        description=view.description,
        metric=results.MetricShown(
            name=view.metric,
            unit=view.unit,
            better="lower" if view.direction == "min" else "higher",
            scoring=view.scoring,
            goal=view.ending.goal if view.ending else None,
        ),
        editable=list(view.editable),
        budget=view.budget,
        devices=view.devices,
        sandbox=view.sandbox,
        notices=list(view.notices),
        brief=cut(view.brief, BRIEF_CHARACTERS),
        incumbent=incumbent_shown(tip),
        outcomes=view.outcomes,
        running=list(view.running),
        open_experiments=list(view.open_experiments),
        recent=[memory(one) for one in view.recent],
        untouched=[f"{one.path}:{one.first}-{one.last} {one.name}" for one in view.untouched],
        taken_back=[reversal_words(one) for one in view.taken_back],
        stackable=list(view.stackable),
        reopened=[reopened_words(one) for one in view.reopened] or None,
        claims=claims_shown(view.claims),
        trust=trust_shown(view.record, view.unit, tip.sigma),
    )


def proposal_result(view: Proposal) -> results.ProposalResult:
    """Return propose_patch's answer."""
    experiment = view.experiment
    added = sum(change.added for change in experiment.changes)
    removed = sum(change.removed for change in experiment.changes)
    files = ", ".join(change.path for change in experiment.changes)
    alike = f"; {count(len(view.similar), 'similar earlier experiment')}" if view.similar else ""
    again = f", {experiment.reopened_from} again" if experiment.reopened_from else ""
    stacked = f", {', '.join(experiment.stack)} stacked" if experiment.stack else ""
    simpler = (
        f"; simpler by {experiment.simpler} syntax nodes, "
        "so it is kept if it is shown to cost less than 1 sigma"
        if experiment.simpler
        else ""
    )
    return results.ProposalResult(
        summary=(
            f"{experiment.id} on {experiment.base}{stacked}{again}: +{added} -{removed} lines in "
            f"{files}{simpler}{alike}{near_words(view)}."
        ),
        next_step=next_steps.after_propose(view, asked_prediction=experiment.prediction is None),
        experiment=experiment.id,
        base=experiment.base,
        files=[
            results.FileShown(
                path=change.path, added=change.added, removed=change.removed, lines=lines_of(change)
            )
            for change in experiment.changes
        ],
        similar=[memory(one) for one in view.similar],
        claims=claims_shown(view.claims),
    )


def run_result(
    view: RunView, metric: Metric, *, detail: bool, ending: Ending | None = None
) -> results.RunResult:
    """Return the answer of run_training, check_run and stop_run."""
    failed = view.state in (RunState.CRASHED, RunState.LOST)
    return results.RunResult(
        summary=_run_summary(view, metric),
        next_step=next_steps.after_stop(view)
        if view.state is RunState.STOPPED
        else next_steps.after_run(view, ending),
        run=view.id,
        experiment=view.experiment,
        state=_state(view),
        progress=shorten(view.progress, 3),
        elapsed_s=round(view.elapsed_s, 1),
        cpu_s=round(view.cpu_s, 1),
        tokens=view.tokens,
        value=shorten(view.value),
        device=view.device,
        peak_mb=round(view.peak_mb) or None,
        gpu_peak_mb=round(view.gpu_peak_mb) or None,
        sandbox=view.sandbox,
        untrusted_curve=_curve(view.curve, FULL_POINTS if detail else CONCISE_POINTS),
        untrusted_exception=view.exception,
        untrusted_log=view.log_digest if detail or failed else None,
    )


def evaluation_result(
    view: Evaluation, metric: Metric, prediction: Prediction | None
) -> results.EvaluationResult:
    """Return evaluate_metric's answer."""
    verdict = view.verdict
    return results.EvaluationResult(
        summary=_evaluation_summary(view, metric, prediction),
        next_step=next_steps.after_evaluate(view),
        experiment=view.experiment,
        hypothesis=cut(view.hypothesis, 160),
        outcome=verdict.outcome if verdict else None if view.needs else "baseline",
        verdict=verdict.sentence if verdict else None,
        effect=shorten(view.effect),
        low=shorten(view.low),
        high=shorten(view.high),
        sigma=shorten(view.sigma),
        predicted=prediction_shown(prediction),
        runs=[_value(one) for one in view.runs],
        controls=_controls(view.controls),
        running=[] if verdict else list(view.running),
        needs=view.needs or None,
        moved_incumbent=verdict.moved_incumbent if verdict else None,
        replayed_as=view.replayed_as,
        note=note(view.taken_back is not None, view.built_on_taken_back),
        sandbox=view.sandbox,
        incumbent=incumbent_shown(view.incumbent),
    )


def conclusion_result(view: Conclusion, unit: str) -> results.ConclusionResult:
    """Return conclude_experiment's answer."""
    tip = view.incumbent
    outcome = f"{view.outcome} " if view.outcome else ""
    doubt = f" ({DOUBTS[view.doubt]})" if view.doubt else ""
    forecast = next_steps.prediction_clause(view.prediction, view.effect, view.low, view.high)
    if view.outcome is Outcome.KEEP and view.experiment not in tip.kept:
        outcome = "keep, but not on the kept line: "
    return results.ConclusionResult(
        summary=(
            f"{view.experiment}: {outcome}{effect(view.effect, view.low, view.high, tip.sigma)}"
            f"{forecast}; the lesson is recorded{doubt}; incumbent "
            f"{incumbent_words(tip, unit)}.{loudly(view.sandbox)}"
        ),
        next_step=next_steps.after_conclude(view),
        experiment=view.experiment,
        hypothesis=cut(view.hypothesis, 160),
        lesson=view.lesson,
        outcome=view.outcome,
        effect=shorten(view.effect),
        predicted=prediction_shown(view.prediction),
        sandbox=view.sandbox,
        incumbent=incumbent_shown(tip),
    )


def recall_result(
    found: Sequence[Remembered], ending: Ending | None = None
) -> results.RecallResult:
    """Return recall_experiments' answer."""
    outcomes: dict[str, int] = {}
    for one in found:
        outcomes[outcome_of(one)] = outcomes.get(outcome_of(one), 0) + 1
    tally = f" ({_tally(outcomes)})" if outcomes else ""
    return results.RecallResult(
        summary=f"{count(len(found), 'matching experiment')}{tally}.{loudly(_sandboxes(found))}",
        next_step=next_steps.after_recall(found, ending),
        experiments=[memory(one) for one in found],
        sandbox=_sandboxes(found),
    )


def section_result(view: CodeSection, ending: Ending | None = None) -> results.SectionResult:
    """Return explain_code_section's answer for a lab."""
    best = max((one.effect for one in view.experiments if one.effect is not None), default=None)
    tried = count(len(view.experiments), "experiment")
    return results.SectionResult(
        summary=(
            f"{view.path}:{view.first}-{view.last} of {view.total_lines} lines, "
            f"{'editable' if view.editable else 'frozen'}, {count(len(view.knobs), 'knob')}, "
            f"{tried} on these lines{f', best effect {best:+.3g}' if best is not None else ''}."
            f"{loudly(_sandboxes(view.experiments))}"
        ),
        next_step=next_steps.after_explain(view, ending),
        path=view.path,
        first=view.first,
        last=view.last,
        total_lines=view.total_lines,
        editable=view.editable,
        within=[
            " ".join(filter(None, (span.kind, span.name, f"{span.first}-{span.last}")))
            for span in view.spans
        ],
        code=view.code,
        knobs=[
            results.KnobShown(
                name=knob.name, line=knob.line, value=knob.value, low=knob.low, high=knob.high
            )
            for knob in view.knobs
        ],
        experiments=[memory(one) for one in view.experiments],
        sandbox=_sandboxes(view.experiments),
        base=view.commit[:12],
    )


def incumbent_shown(tip: Incumbent) -> results.IncumbentShown:
    """Return the best code so far, with rounded numbers."""
    return results.IncumbentShown(
        experiment=tip.experiment,
        mean=shorten(tip.mean),
        low=shorten(tip.low),
        high=shorten(tip.high),
        sigma=shorten(tip.sigma, 3),
        runs=tip.runs,
        cpu_s=shorten(tip.cpu_s, 2),
        kept=list(tip.kept),
    )


def incumbent_words(tip: Incumbent, unit: str) -> str:
    """Return text such as "e3 at 2.9051 bits per byte ±0.0041 over 6 runs"."""
    if tip.mean is None:
        return f"{tip.experiment}, not measured yet"
    shown = f"{tip.experiment} at {measured(tip.mean, unit, tip.sigma)}"
    again = f", since {tip.instead_of} was reversed" if tip.instead_of else ""
    if tip.low is None or tip.high is None:
        return f"{shown}{again}"
    if tip.sigma == 0:
        return f"{shown}, the same in every one of {_which_runs(tip)}{again}"
    half = shorten((tip.high - tip.low) / 2, 2)
    return f"{shown} ±{half} over {_which_runs(tip)}{again}"


def _which_runs(tip: Incumbent) -> str:
    """Mark the runs an experiment was kept on: they were chosen for being good."""
    if tip.chosen:
        return f"the {count(tip.runs, 'run')} it was kept on"
    return f"{count(tip.runs, 'run')}{' since it was kept' if len(tip.kept) > 1 else ''}"


def measured_runs(view: Evaluation) -> int:
    """Count the measured runs of the experiment itself; for e0, all that it has."""
    own = view.controls.count if view.controls.experiment == view.experiment else 0
    return own + sum(one.value is not None for one in view.runs)


def prediction_shown(prediction: Prediction | None) -> results.PredictionShown | None:
    """Return the prediction, if there is one."""
    if prediction is None:
        return None
    return results.PredictionShown(effect=prediction.effect, confidence=prediction.confidence)


def _run_summary(view: RunView, metric: Metric) -> str:
    took = f" after {view.elapsed_s:.1f} s on {view.device}" if view.device else ""
    if view.state is RunState.FINISHED:
        score = measured(view.value, metric.unit)
        return f"{view.id} finished{took}: {metric.name} {score}.{loudly(view.sandbox)}"
    if view.state.final:
        causes = (EndCause.OUT_OF_MEMORY, EndCause.OUT_OF_GPU_MEMORY)
        short = view.cause in causes  # which the exception is in many words
        why = quote(view.reason if short else view.exception or view.reason)
        return f"{view.id} {_state(view)}{took}: {why}".rstrip() + "."
    done = f", {view.progress:.0%} of its budget" if view.progress is not None else ""
    loss = f", training loss {view.curve[-1].loss:.4g}" if view.curve else ""
    why = f" ({view.reason})" if view.state is RunState.QUEUED and view.reason else ""
    return f"{view.id} is {view.state}{why}{took}{done}{loss}."


def _evaluation_summary(view: Evaluation, metric: Metric, prediction: Prediction | None) -> str:
    verdict: Verdict | None = view.verdict
    if verdict is not None and verdict.outcome is Outcome.CRASHED:
        return f"{view.experiment} crashed: {quote(verdict.sentence)}."
    tip = view.incumbent
    now = f"incumbent {incumbent_words(tip, metric.unit)}"
    if verdict is not None:
        forecast = next_steps.prediction_clause(
            prediction, verdict.effect, verdict.low, verdict.high
        )
        back = f"; reversed since: {view.taken_back.sentence}" if view.taken_back else ""
        return (
            f"{view.experiment}: {verdict.sentence}{forecast}{back}; {now}."
            f"{repetition_words(view.controls)}{loudly(view.sandbox)}"
        )
    if not view.needs:
        spread = spread_words(tip.sigma)
        return f"{view.experiment} is measured: {now}; {spread}.{loudly(view.sandbox)}"
    done = measured_runs(view)
    so_far = effect(view.effect, view.low, view.high, view.sigma)
    return (
        f"{view.experiment}: no verdict yet after {count(done, 'measured run')}, {so_far}; "
        f"{count(len(view.running), 'run')} in progress; {view.needs}.{loudly(view.sandbox)}"
    )


def _state(view: RunView) -> str:
    return "yielded" if view.yielded else view.state


def _sandboxes(found: Sequence[Remembered]) -> str:
    """Return the names of the sandboxes that these experiments ran in."""
    return ", ".join(sorted({one.sandbox for one in found if one.sandbox}))


def _value(one: RunValue) -> results.ValueShown:
    return results.ValueShown(run=one.run, state=one.state, value=shorten(one.value))


def _controls(found: Controls) -> results.ControlsShown:
    return results.ControlsShown(
        experiment=found.experiment,
        count=found.count,
        mean=shorten(found.mean),
        sigma=shorten(found.sigma, 3),
        lost=found.lost or None,
        yielded=found.yielded or None,
    )


def _curve(points: Sequence[CurvePoint], most: int) -> list[tuple[float, float]]:
    if len(points) > most:
        last = len(points) - 1
        points = [points[round(i * last / (most - 1))] for i in range(most)]
    return [(point.at, float(f"{point.loss:.4g}")) for point in points]


def _tally(outcomes: dict[str, int]) -> str:
    shown: Iterable[str] = (f"{number} {name}" for name, number in outcomes.items() if number)
    return ", ".join(shown) or "none"
