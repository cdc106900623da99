"""The next step of a good researcher, as one sentence that names the tool and its arguments.

Pure functions of the lab's views. They keep an agent looping: none of them suggests stopping before
the contract's goal is reached or its limits are used up, and none repeats what training code wrote.
"""

from collections.abc import Sequence

from autoresearch.loop.scaling import ScalingView
from autoresearch.records import Outcome, Prediction, RunState, Verdict
from autoresearch.verdicts.ending import Ending
from autoresearch.views import (
    Claimed,
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
from server.views.figures import count

PREDICT = (
    "Next time, predict the effect and your confidence: that is how your forecasts are scored."
)
LONG_STREAK = 5  # verdicts without a keep
LESSONS = {
    Outcome.KEEP: "explain what made it work and what could be pushed further",
    Outcome.DISCARD: "explain what the result rules out",
    Outcome.INCONCLUSIVE: "note which way it leaned; small gains can be stacked later",
    Outcome.CRASHED: "explain what broke; if the idea still stands, fix it and call "
    "propose_patch again",
    Outcome.TAINTED: "note what disturbed the runs",
}


def after_open(view: Overview) -> str:
    """Suggest finishing open work, then something new; the baseline is measured meanwhile."""
    news = reversal_news(view.incumbent)
    if view.open_experiments:
        waiting = view.open_experiments[0]
        return (
            f"{news}{_call('evaluate_metric', experiment=waiting, wait_s=45)} brings {waiting} to "
            "its verdict: it is still open."
        )
    if view.incumbent.mean is None or view.incumbent.sigma is None:
        tip = view.incumbent.experiment
        return (
            f"The lab measures {tip} on its own while you read; "
            f"{_call('evaluate_metric', experiment=tip, wait_s=45)} waits for it. "
            f"{_look_somewhere(view.untouched)}; then call propose_patch and run_training, which "
            "starts at once."
        )
    unwritten = next((m for m in view.recent if m.outcome is not None and not m.lesson), None)
    if unwritten is not None:
        return (
            f"{news}{_call('conclude_experiment', experiment=unwritten.experiment, lesson='…')}: "
            f"its verdict is {unwritten.outcome}, but its lesson is not recorded yet."
        )
    end = _near_the_end(view.ending)
    if end:
        return f"{news}{end}"
    if view.stackable:
        return f"{news}{_stack(view.stackable)}."
    look = _look_somewhere(view.untouched)
    if view.reopened:
        look += f", or at {view.reopened[0].experiment} in `reopened`"
    return f"{news}{look}; then call propose_patch with one change and a prediction."


def after_propose(view: Proposal, asked_prediction: bool) -> str:
    """Suggest running it, after a look at similar experiments that failed."""
    name = view.experiment.id
    failed = [m.experiment for m in view.similar if m.outcome in (Outcome.DISCARD, Outcome.CRASHED)]
    warned = (
        f"First read what {', '.join(failed[:3])} showed (in `similar`); then " if failed else ""
    )
    hint = f" {PREDICT}" if asked_prediction else ""
    run = _call("run_training", experiment=name, wait_s=20)
    return f"{warned}{run} starts its first run.{hint}"


def after_claim(view: Claimed) -> str:
    """Suggest reading what is alike, then proposing the patch."""
    read = f"read what {view.similar[0].experiment} showed, then " if view.similar else ""
    return f"{read}propose_patch with the change and a prediction, before the claim ends."


def after_run(view: RunView, ending: Ending | None = None) -> str:
    """Suggest waiting or using the time; once the run has ended, evaluating."""
    if not view.state.final:
        wait = f"{_call('check_run', run=view.id, wait_s=30)} waits for it"
        if ending is not None and ending.over:
            return f"{wait}. No further experiment is taken after it."
        return f"{wait}; meanwhile, read code with explain_code_section or prepare the next patch."
    evaluate = _call("evaluate_metric", experiment=view.experiment, wait_s=45)
    if view.state is RunState.FINISHED:
        return f"{evaluate} compares it with the incumbent and starts any further runs it needs."
    if view.yielded:
        return f"{evaluate} continues: {view.id} made room for an experiment and is not needed."
    if view.state.repeated:
        return f"{evaluate} repeats the run: it was {view.state} through no fault of the patch."
    return f"{evaluate} records the outcome; then call conclude_experiment with the lesson."


def after_evaluate(view: Evaluation) -> str:
    """Suggest calling again until there is a verdict, then recording the lesson."""
    if view.verdict is not None:
        return reversal_news(view.incumbent) + _after_verdict(view, view.verdict)
    if not view.needs:
        return _near_the_end(view.ending) or (
            "The noise is measured. explain_code_section shows the code and its knobs; then call "
            "propose_patch with one change and a prediction."
        )
    again = (
        f"{_call('evaluate_metric', experiment=view.experiment, wait_s=45)} starts the runs that "
        "are missing; call it again until there is a verdict."
    )
    over = view.ending is not None and view.ending.over
    return again if over else f"{again} Meanwhile, prepare the next patch."


def _after_verdict(view: Evaluation, verdict: Verdict) -> str:
    name = view.experiment
    conclude = _call("conclude_experiment", experiment=name, lesson="…")
    if view.replayed_as:
        return (
            f"{_call('evaluate_metric', experiment=view.replayed_as, wait_s=45)}: the incumbent "
            f"moved while {name} was judged, so its patch was proposed again as "
            f"{view.replayed_as}. Also {conclude}."
        )
    end = _near_the_end(view.ending)
    if view.taken_back is not None:
        then = end or "Then propose_patch another idea."
        return f"{conclude}: record what its further runs showed. {then}"
    if view.concluded:
        return end or (
            f"{name} has its verdict and its lesson. Look with recall_experiments and "
            "explain_code_section, then call propose_patch with the next idea."
        )
    if verdict.outcome is Outcome.KEEP and not verdict.moved_incumbent:
        return (
            f"The incumbent became {view.incumbent.experiment} while {name} was judged. {name} "
            "beat the one before, so call propose_patch with the same change on the new one; also "
            f"{conclude}."
        )
    advice = LESSONS[verdict.outcome]
    if end and verdict.outcome is Outcome.KEEP:
        advice = "explain what made it work"
    elif verdict.outcome is Outcome.DISCARD and verdict.effect is None:
        advice = "nothing was measured, so note what its curve or the way it ended showed"
    elif verdict.outcome is Outcome.DISCARD and len(verdict.candidate_runs) == 1:
        advice = "a single run ruled it out, so claim only what the interval rules out"
    return f"{conclude}: {advice}.{f' {end}' if end else ''}"


def after_conclude(view: Conclusion) -> str:
    """Suggest learning from what is known, then trying the next idea."""
    return reversal_news(view.incumbent) + (_near_the_end(view.ending) or _after_lesson(view))


def _after_lesson(view: Conclusion) -> str:
    if view.outcome is Outcome.KEEP and view.incumbent.experiment == view.experiment:
        return (
            "Build on it: explain_code_section shows the new incumbent; call propose_patch from "
            "there, one change at a time."
        )
    if view.stackable:
        return f"{_stack(view.stackable)}; or call propose_patch with a different idea."
    if view.verdicts_without_keep >= LONG_STREAK:
        return (
            f"{view.verdicts_without_keep} verdicts in a row kept nothing: change direction. "
            "open_lab lists code that no experiment has touched; call propose_patch with something "
            "larger whose mechanism you understand."
        )
    return (
        "recall_experiments shows what is already known; explain_code_section finds code that no "
        "experiment has touched; then call propose_patch with the next idea."
    )


def after_recall(found: Sequence[Remembered], ending: Ending | None = None) -> str:
    """Suggest using what was found, or looking elsewhere."""
    if ending is not None and ending.over:
        return _near_the_end(ending)
    if not found:
        return (
            "Nothing like it has been tried: call propose_patch with it and a prediction, or "
            "recall_experiments with fewer words."
        )
    near = [
        m.experiment for m in found if m.outcome is Outcome.INCONCLUSIVE and (m.effect or 0.0) > 0.0
    ]
    if len(near) > 1:
        return f"{_stack(near[:4])}, unless they were stacked before."
    return (
        "Call propose_patch with something that these lessons do not rule out; explain why in the "
        "hypothesis."
    )


def after_explain(view: CodeSection, ending: Ending | None = None) -> str:
    """Suggest turning what was read into a patch."""
    if ending is not None and ending.over:
        return _near_the_end(ending)
    if not view.editable:
        return f"{view.path} is frozen: read it to understand the target, and edit another file."
    if view.rest is not None:
        return f"{_call('explain_code_section', section=view.rest)} shows the rest of it."
    if not view.experiments:
        return (
            "No experiment has touched these lines: call propose_patch with one change here; copy "
            "`find` from the code without its line numbers."
        )
    return (
        f"{count(len(view.experiments), 'experiment')} changed these lines before: read the "
        "lessons, then call propose_patch with something they do not rule out."
    )


def after_stop(view: RunView) -> str:
    """Suggest recording it: a stopped run still counts."""
    if view.hopeless:
        evaluate = _call("evaluate_metric", experiment=view.experiment)
        return f"{evaluate} records that it was stopped early; then call conclude_experiment."
    return (
        f"{_call('evaluate_metric', experiment=view.experiment)} records the outcome; then "
        "call conclude_experiment with why you stopped it."
    )


def after_scaling(view: ScalingView, ending: Ending | None = None) -> str:
    """Suggest coming back while runs are missing, then what to make of the gain."""
    over = ending is not None and ending.over
    if view.missing:
        again = _call("fit_scaling", experiment=view.experiment, wait_s=45)
        return f"{again} starts the runs that are missing; those already started need no call."
    if view.fit is None:
        if over:
            return _near_the_end(ending)
        return "Fix it and call propose_patch again, or go on without a scaling result."
    if view.fit.reach.gain.low > 0:
        holds = "Show the chart; record in its lesson that the gain holds"
        return f"{holds}." if over else f"{holds}, and build on it with propose_patch."
    if view.fit.reach.gain.high < 0:
        return (
            "Show the chart; record in its lesson that the gain is for small sizes; find out why."
        )
    return "Show the chart; call it a gain at these sizes only until larger ones have been run."


def _near_the_end(ending: Ending | None) -> str:
    """Say that it is done, or what confirms a goal that seems to be reached; "" before that."""
    if ending is None:
        return ""
    if ending.over:
        return (
            f"{ending.sentence} It is done: tell the user what was kept and learnt, and stop; "
            "propose_patch takes no further experiment."
        )
    if ending.unconfirmed:
        again = _call("evaluate_metric", experiment=ending.experiment, wait_s=45)
        return f"{ending.sentence} {again} starts what is missing and waits for it."
    return ""


def reversal_news(tip: Incumbent) -> str:
    """Return a sentence on a keep that was reversed, as long as nothing was kept since."""
    if tip.instead_of is None:
        return ""
    return (
        f"{tip.instead_of} was reversed because its further runs fell behind: the incumbent is "
        f"{tip.experiment} again, and new patches build on it. "
    )


def _stack(names: Sequence[str]) -> str:
    """Suggest trying near misses together."""
    shown = ", ".join(f'"{name}"' for name in names)
    return (
        f"{', '.join(names)} looked better but were too small to tell alone: "
        f"propose_patch(hypothesis=…, stack=[{shown}]) tries them together"
    )


def _look_somewhere(untouched: Sequence[Region]) -> str:
    if untouched:
        place = untouched[0]
        section = f"{place.path}:{place.first}-{place.last}"
        look = _call("explain_code_section", section=section)
        return f"{look} shows code that nobody has changed yet"
    return "explain_code_section shows the code and what was tried on it"


def _call(tool: str, **arguments: str | int) -> str:
    shown = ", ".join(
        f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}"
        for name, value in arguments.items()
    )
    return f"{tool}({shown})"


def prediction_clause(
    prediction: Prediction | None, effect: float | None, low: float | None, high: float | None
) -> str:
    """Return how the prediction came out as a clause; "" where there is nothing to compare.

    It claims a direction only where the 95 % interval lies on one side of 0.
    """
    if prediction is None or effect is None:
        return ""
    if low is not None and low > 0:
        came = "it did"
    elif high is not None and high < 0:
        came = "it got worse"
    else:
        came = "the runs do not show whether it did"
    said = f"gave it a {prediction.confidence:.0%} chance to improve, by {prediction.effect:+.3g}"
    return f"; you {said}, and {came}"
