"""The next step of a good researcher, as one sentence that names the tool and its arguments.

Pure functions of what the lab answered. They keep an agent looping: none of them ever says stop,
and none repeats what training code wrote.
"""

from collections.abc import Sequence

from autoresearch.loop.scaling import ScalingView
from autoresearch.records import Outcome, Prediction, RunState, Verdict
from autoresearch.views import (
    CodeSection,
    Conclusion,
    Evaluation,
    Incumbent,
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
    Outcome.INCONCLUSIVE: "say which way it leaned; small gains can be stacked later",
    Outcome.CRASHED: "say what broke, then propose it again mended if the idea still stands",
    Outcome.TAINTED: "say what disturbed the runs",
}


def after_open(view: Overview) -> str:
    """Finish what is begun first, then something new; the baseline is measured meanwhile."""
    news = reversal_news(view.incumbent)
    if view.open_experiments:
        waiting = view.open_experiments[0]
        return (
            f"{news}{_call('evaluate_metric', experiment=waiting, wait_s=45)} brings {waiting} to "
            "its verdict; it is still open."
        )
    if view.incumbent.mean is None or view.incumbent.sigma is None:
        tip = view.incumbent.experiment
        return (
            f"The lab measures {tip} by itself while you read, and "
            f"{_call('evaluate_metric', experiment=tip, wait_s=45)} waits for it. "
            f"{_look_somewhere(view.untouched)}; then propose_patch and run_training, which starts "
            "at once."
        )
    unwritten = next((m for m in view.recent if m.outcome is not None and not m.lesson), None)
    if unwritten is not None:
        return (
            f"{news}{_call('conclude_experiment', experiment=unwritten.experiment, lesson='…')}: "
            f"its verdict is {unwritten.outcome}, its lesson is not written down yet."
        )
    if view.stackable:
        return f"{news}{_stack(view.stackable)}."
    look = _look_somewhere(view.untouched)
    return f"{news}{look}; then propose_patch with one change and a prediction."


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
    if view.yielded:
        return f"{evaluate} goes on; {view.id} made room for an experiment and is not missed."
    if view.state.repeated:
        return f"{evaluate} repeats the run: it was {view.state} to no fault of the patch."
    return f"{evaluate} records the outcome; then conclude_experiment with what it taught."


def after_evaluate(view: Evaluation) -> str:
    """Until there is a verdict, call again; then write the lesson down."""
    if view.verdict is not None:
        return reversal_news(view.incumbent) + _after_verdict(view, view.verdict)
    if not view.needs:
        return (
            "The noise is known. explain_code_section shows the code and its knobs; then "
            "propose_patch with one change and a prediction."
        )
    return (
        f"{_call('evaluate_metric', experiment=view.experiment, wait_s=45)} again until there is a "
        "verdict; it starts the runs that are missing. Meanwhile you can prepare the next patch."
    )


def _after_verdict(view: Evaluation, verdict: Verdict) -> str:
    name = view.experiment
    conclude = _call("conclude_experiment", experiment=name, lesson="…")
    if view.replayed_as:
        return (
            f"{_call('evaluate_metric', experiment=view.replayed_as, wait_s=45)}: the incumbent "
            f"moved while {name} was judged, so its patch is tried anew as {view.replayed_as}; and "
            f"{conclude}."
        )
    if view.taken_back is not None:
        return f"{conclude} with what its further runs showed, then propose_patch another idea."
    if view.concluded:
        return (
            f"{name} has its verdict and its lesson: recall_experiments and explain_code_section, "
            "then propose_patch with the next idea."
        )
    if verdict.outcome is Outcome.KEEP and not verdict.moved_incumbent:
        return (
            f"The incumbent became {view.incumbent.experiment} while {name} was judged: "
            "propose_patch the same change on it, since it was better than the one before; and "
            f"{conclude}."
        )
    advice = LESSONS[verdict.outcome]
    if verdict.outcome is Outcome.DISCARD and verdict.effect is None:
        advice = "nothing was measured, so say what its curve or its end showed"
    elif verdict.outcome is Outcome.DISCARD and len(verdict.candidate_runs) == 1:
        advice = "one run screened it out, so say only what the interval rules out"
    return f"{conclude}: {advice}."


def after_conclude(view: Conclusion) -> str:
    """Learn from what is known, then try the next thing."""
    return reversal_news(view.incumbent) + _after_lesson(view)


def _after_lesson(view: Conclusion) -> str:
    if view.outcome is Outcome.KEEP and view.incumbent.experiment == view.experiment:
        return (
            "Build on it: explain_code_section shows the new incumbent; propose_patch goes on from "
            "there, one change at a time."
        )
    if view.stackable:
        return f"{_stack(view.stackable)}; else propose_patch with a different idea."
    if view.verdicts_without_keep >= LONG_STREAK:
        return (
            f"{view.verdicts_without_keep} verdicts in a row kept nothing: leave this direction. "
            "open_lab "
            "lists code that no experiment has touched; propose_patch something larger, of which "
            "you know a mechanism."
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
    near = [
        m.experiment for m in found if m.outcome is Outcome.INCONCLUSIVE and (m.effect or 0.0) > 0.0
    ]
    if len(near) > 1:
        return f"{_stack(near[:4])}, unless they were stacked before."
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
    if view.hopeless:
        evaluate = _call("evaluate_metric", experiment=view.experiment)
        return f"{evaluate} records that it was stopped early; then conclude_experiment."
    return (
        f"{_call('evaluate_metric', experiment=view.experiment)} records the outcome; then "
        "conclude_experiment with why you stopped it."
    )


def after_scaling(view: ScalingView) -> str:
    """Come back while runs are missing; then say what the gain is good for."""
    if view.missing:
        again = _call("fit_scaling", experiment=view.experiment, wait_s=45)
        return f"{again} again: it starts the runs that are missing; those that go on need no call."
    if view.fit is None:
        return "propose_patch a mended one, or leave the question of scale open."
    if view.fit.reach.gain.low > 0:
        return (
            "Show the chart; say in its lesson that it holds, and build on it with propose_patch."
        )
    if view.fit.reach.gain.high < 0:
        return "Show the chart; say in its lesson that it is for small sizes, and look for why."
    return "Show the chart; call it a gain at these sizes only, until larger ones were run."


def reversal_news(tip: Incumbent) -> str:
    """A sentence on a keep that did not hold, as long as nothing was kept since."""
    if tip.instead_of is None:
        return ""
    return (
        f"{tip.instead_of} was taken back, since its further runs fell behind: the incumbent is "
        f"{tip.experiment} again, and patches go on it. "
    )


def _stack(names: Sequence[str]) -> str:
    """Try near misses together."""
    shown = ", ".join(f'"{name}"' for name in names)
    return (
        f"{', '.join(names)} leaned up but were too small to tell alone: "
        f"propose_patch(hypothesis=…, stack=[{shown}]) tries them together"
    )


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


def taste(
    prediction: Prediction | None, effect: float | None, low: float | None, high: float | None
) -> str:
    """Describe the prediction's success as a clause; "" if there is nothing to compare.

    Whether it improved is said only where the 95 % interval lies on one side of 0.
    """
    if prediction is None or effect is None:
        return ""
    if low is not None and low > 0:
        came = "it did"
    elif high is not None and high < 0:
        came = "it got worse"
    else:
        came = "the runs do not tell whether it did"
    said = f"gave it {prediction.confidence:.0%} to improve, by {prediction.effect:+.3g}"
    return f"; you {said}, and {came}"
