"""What a good researcher does next, as one sentence that names the tool and its arguments.

Pure functions of what the lab answered. They keep an agent looping: none of them ever says stop,
and none repeats what training code wrote.
"""

from collections.abc import Sequence

from autoresearch.records import Outcome, Prediction, RunState, Verdict
from autoresearch.views import (
    CodeSection,
    Conclusion,
    Evaluation,
    Overview,
    Proposal,
    Region,
    Remembered,
    RunView,
)

LONG_STREAK = 5  # verdicts without a keep
LESSONS = {
    Outcome.KEEP: "say what made it work and what could be pushed further",
    Outcome.DISCARD: "say what the result rules out",
    Outcome.INCONCLUSIVE: "say which way it leaned; small gains can be stacked in one later patch",
    Outcome.CRASHED: "say what broke, then propose it again mended if the idea still stands",
    Outcome.TAINTED: "say what disturbed the runs",
}


def after_open(view: Overview) -> str:
    """Finish what is begun first, then the baseline, then something new."""
    if view.open_experiments:
        waiting = view.open_experiments[0]
        return (
            f"{_call('evaluate_metric', experiment=waiting, wait_s=45)} brings {waiting} to its "
            "verdict; it is still open."
        )
    if view.incumbent.mean is None or view.incumbent.sigma is None:
        tip = view.incumbent.experiment
        return (
            f"{_call('evaluate_metric', experiment=tip, wait_s=45)} measures the unchanged code "
            "and its noise: nothing can be judged before that."
        )
    unwritten = next((m for m in view.recent if m.outcome is not None and not m.lesson), None)
    if unwritten is not None:
        return (
            f"{_call('conclude_experiment', experiment=unwritten.experiment, lesson='…')}: its "
            f"verdict is {unwritten.outcome}, its lesson is not written down yet."
        )
    look = _look_somewhere(view.untouched)
    return f"{look}; then propose_patch with one change and a prediction."


def after_propose(view: Proposal, asked_prediction: bool) -> str:
    """Run it; look at relatives first where there are any that failed."""
    name = view.experiment.id
    failed = [m.experiment for m in view.similar if m.outcome in (Outcome.DISCARD, Outcome.CRASHED)]
    warned = f"Read what {', '.join(failed[:3])} showed (in `similar`); then " if failed else ""
    hint = (
        " Next time predict effect and confidence: it is how your judgement is measured."
        if asked_prediction
        else ""
    )
    run = _call("run_training", experiment=name, wait_s=20)
    return f"{warned}{run} starts its first run.{hint}"


def after_run(view: RunView) -> str:
    """Wait, or use the time; once it ended, evaluate."""
    if not view.state.final:
        return (
            f"{_call('check_run', run=view.id, wait_s=30)} waits for it; meanwhile you can read "
            "code with explain_code_section or prepare the next patch."
        )
    evaluate = _call("evaluate_metric", experiment=view.experiment, wait_s=45)
    if view.state is RunState.FINISHED:
        return f"{evaluate} compares it with the incumbent and starts the further runs it needs."
    if view.state is RunState.LOST:
        return f"{evaluate} repeats the run: it was lost to no fault of the patch."
    return f"{evaluate} records the outcome; then conclude_experiment with what it taught."


def after_evaluate(view: Evaluation) -> str:
    """Until there is a verdict, call again; then write the lesson down."""
    name = view.experiment
    if view.replayed_as:
        return (
            f"{_call('evaluate_metric', experiment=view.replayed_as, wait_s=45)}: the incumbent "
            f"moved while {name} was judged, so its patch is tried anew as {view.replayed_as}; and "
            f"{_call('conclude_experiment', experiment=name, lesson='…')}."
        )
    if view.verdict is not None and view.concluded:
        return (
            f"{name} has its verdict and its lesson: recall_experiments and explain_code_section, "
            "then propose_patch with the next idea."
        )
    if view.verdict is not None and _overtaken(view.verdict):
        return (
            f"The incumbent became {view.incumbent.experiment} while {name} was judged: "
            "propose_patch the same change on it, since it was better than the one before; and "
            f"{_call('conclude_experiment', experiment=name, lesson='…')}."
        )
    if view.verdict is not None:
        advice = LESSONS[view.verdict.outcome]
        if view.verdict.outcome is Outcome.DISCARD and len(view.verdict.candidate_runs) == 1:
            advice = "one run screened it out, so say only what the interval rules out"
        return f"{_call('conclude_experiment', experiment=name, lesson='…')}: {advice}."
    if not view.needs:
        return (
            "The noise is known. explain_code_section shows the code and its knobs; then "
            "propose_patch with one change and a prediction."
        )
    return (
        f"{_call('evaluate_metric', experiment=name, wait_s=45)} again until there is a verdict; "
        "it starts the runs that are missing. Meanwhile you can prepare the next patch."
    )


def after_conclude(view: Conclusion) -> str:
    """Learn from what is known, then try the next thing."""
    if view.outcome is Outcome.KEEP:
        return (
            "Build on it: explain_code_section shows the new incumbent; propose_patch goes on from "
            "there, one change at a time."
        )
    if view.without_keep >= LONG_STREAK:
        return (
            f"{view.without_keep} verdicts in a row kept nothing: leave this direction. open_lab "
            "lists code that no experiment has touched; propose_patch something larger, of which "
            "you know a mechanism."
        )
    if view.outcome is Outcome.INCONCLUSIVE:
        return (
            f"{_call('recall_experiments', outcome='inconclusive')} shows near misses worth "
            "stacking; else propose_patch with a different idea."
        )
    return (
        "recall_experiments shows what is already known; explain_code_section finds code that no "
        "experiment has touched; then propose_patch with the next idea."
    )


def after_recall(found: Sequence[Remembered]) -> str:
    """Use what was found, or look elsewhere."""
    if not found:
        return (
            "Nothing like it has been tried: propose_patch it with a prediction, or call "
            "recall_experiments with fewer words."
        )
    near = [m.experiment for m in found if m.outcome is Outcome.INCONCLUSIVE]
    if len(near) > 1:
        return (
            f"{', '.join(near[:4])} were too small to tell alone: propose_patch one patch that "
            "combines those that leaned the right way."
        )
    return "propose_patch something that these lessons do not rule out; the hypothesis says why."


def after_explain(view: CodeSection) -> str:
    """Turn what was read into a patch."""
    if not view.editable:
        return f"{view.path} is frozen: it explains the target, but edit one of the editable files."
    if view.rest is not None:
        return f"{_call('explain_code_section', section=view.rest)} shows the rest of it."
    if not view.experiments:
        return (
            "No experiment has touched these lines: propose_patch one change here, with `find` "
            "copied from the code without its line numbers."
        )
    return (
        f"{len(view.experiments)} tried these lines before: read their lessons, then propose_patch "
        "something they do not rule out."
    )


def after_stop(view: RunView) -> str:
    """A stopped run still counts; record it."""
    return (
        f"{_call('evaluate_metric', experiment=view.experiment)} records the outcome; then "
        "conclude_experiment with why you stopped it."
    )


def _overtaken(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.KEEP and not verdict.moved_incumbent


def _look_somewhere(untouched: Sequence[Region]) -> str:
    if untouched:
        place = untouched[0]
        section = f"{place.path}:{place.first}-{place.last}"
        return f"{_call('explain_code_section', section=section)} shows code that no one has tried"
    return "explain_code_section shows the code and what was tried on it"


def _call(tool: str, **arguments: str | int) -> str:
    shown = ", ".join(
        f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}"
        for name, value in arguments.items()
    )
    return f"{tool}({shown})"


def taste(prediction: Prediction | None, effect: float | None) -> str:
    """How the prediction fared, as a clause; "" where there is nothing to compare."""
    if prediction is None or effect is None:
        return ""
    said = f"gave it {prediction.confidence:.0%} to improve, by {prediction.effect:+.3g}"
    return f"; you {said}, and it {'did' if effect > 0 else 'did not'}"
