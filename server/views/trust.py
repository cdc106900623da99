"""A lab's reliability in words: expected false keeps, overfitting, scored predictions.

Pure functions; effects are in metric units and positive is better.
"""

from autoresearch.ledger.history import History
from autoresearch.records import Reversal
from autoresearch.sandboxes.base import all_confined
from autoresearch.statistics.overfitting import FEWEST_KEEPS, Overfitting
from autoresearch.statistics.prediction_scores import COIN, PredictionScore
from autoresearch.verdicts.evidence import built_on_reversed, overtaken
from autoresearch.verdicts.track_record import TrackRecord
from autoresearch.views import Controls, Overview
from server.views import research_results as results
from server.views.figures import count, effect, shorten


def unseen_words(view: Overview) -> str:
    """Say in one sentence how much of the gain holds on documents that no verdict looked at.

    "" where nothing was kept, and where the lab does not score.
    """
    kept, found, sigma = len(view.incumbent.kept) - 1, view.record.overfitting, view.incumbent.sigma
    if view.scoring != "sealed" or (found is None and not kept):
        return ""
    if found is None:
        return (
            "Its runs were scored on no spare data, so this lab can't tell how much of the gain "
            "fits the judged data alone."
        )
    gained = effect(found.spare, None, None, sigma)
    claimed = f"{effect(found.claimed, None, None, sigma)} {view.unit}".rstrip()
    one = found.keeps == 1
    whose = "the one keep" if one else f"the {found.keeps} keeps"
    span = effect(found.spare, found.spare_low, found.spare_high, sigma).removeprefix(gained)
    return (
        f"On held-out documents that no verdict looked at, {whose} gained {gained} of the "
        f"{claimed} that {'its verdict claims' if one else 'their verdicts claim'}{span}: "
        f"{_meaning(found, sigma)}."
    )


def _meaning(found: Overfitting, sigma: float | None) -> str:
    if found.keeps < FEWEST_KEEPS:
        return (
            "too few keeps to tell whether the gain fits the judged documents alone; it takes "
            f"{FEWEST_KEEPS}"
        )
    if found.low > 0:
        over = effect(found.excess, None, None, sigma)
        return f"{over} of the claim fits the judged documents alone, so expect the smaller gain"
    if found.spare_low <= 0:
        return "whether it holds on new documents is not shown"
    return "the gain holds on documents that selection never saw"


def spread_words(sigma: float | None) -> str:
    """For example "sigma of single runs 0.00412", or that runs repeat exactly."""
    if sigma == 0:
        return "the metric repeats exactly, so any difference counts"
    return f"sigma of single runs {shorten(sigma, 3)}"


def repetition_words(controls: Controls) -> str:
    """Say that the control runs repeat exactly, as a sentence after others; "" where they don't."""
    if controls.sigma != 0:
        return ""
    return (
        f" Its {controls.count} controls agree to the last bit: the metric ignores the lab's seed, "
        "so more runs are no more evidence, and a change of random draws alone is no gain."
    )


def trust_shown(record: TrackRecord, unit: str, sigma: float | None) -> results.TrustShown:
    """The track record, for a tool's answer."""
    return results.TrustShown(
        false_keeps=false_keep_words(record) or None,
        overfitting=overfitting_words(record.overfitting, unit, sigma),
        predictions=[prediction_words(who, score) for who, score in record.taste.items()],
    )


def trust_rows(view: Overview) -> list[tuple[str, str]]:
    """Return (name, text) of each thing known about trust, for a table."""
    record, sigma = view.record, view.incumbent.sigma
    found = overfitting_words(record.overfitting, view.unit, sigma)
    luck = false_keep_words(record)
    return [
        *(("reversed", words) for words in map(reversal_words, view.taken_back)),
        *([("luck", luck)] if luck else []),
        *([("overfitting", found)] if found else []),
        *(("predictions", prediction_words(who, taste)) for who, taste in record.taste.items()),
    ]


def false_keep_words(record: TrackRecord) -> str:
    """For example "at most 0.02 false keeps to be expected among 14 candidates judged …".

    "" before anything was judged: nothing can be false among none.
    """
    if not record.candidates:
        return ""
    noise = (
        "by the noise of this lab's control runs, which looks normal"
        if record.normal_noise
        else "at the worst noise that was simulated, since this lab's is not known to be normal"
    )
    left_out = (
        f"; {count(record.simplifications, 'simplification')} kept, which claim no gain, left out"
        if record.simplifications
        else ""
    )
    return (
        f"at most {record.false_keeps:.2g} false keeps are expected among "
        f"{count(record.candidates, 'candidate')} judged, {noise}{left_out}"
    )


def overfitting_words(found: Overfitting | None, unit: str, sigma: float | None) -> str | None:
    """Compare the keeps' gain on the judged part with that on the spare, unused part."""
    if found is None:
        return None
    apart = effect(found.excess, found.low, found.high, sigma)
    if found.keeps < FEWEST_KEEPS:
        verdict = f"{apart} apart, but it takes {FEWEST_KEEPS} keeps to show overfitting"
    elif found.low > 0:
        verdict = f"selection has overfitted by {apart}"
    else:
        verdict = f"{apart} apart, so no overfitting is shown"
    return (
        f"{count(found.keeps, 'keep')} claimed {effect(found.claimed, None, None, sigma)} {unit} "
        "on the judged part; on a spare part that no verdict used "
        f"{effect(found.spare, found.spare_low, found.spare_high, sigma)}: {verdict}"
    )


def loudly(sandbox: str) -> str:
    """Return a warning where the code under research was not confined; "" where it was."""
    return "" if all_confined(sandbox) else " Runs were UNSANDBOXED."


def note(taken_back: bool, built_on: str | None, late: bool = False) -> str | None:
    """Describe what happened to an experiment, or to its bases, after its verdict."""
    if taken_back:
        return "kept, then reversed: its further runs did not confirm it"
    if late:
        return "better than its base, but the incumbent had moved on: not on the kept line"
    return f"built on {built_on}, which was reversed" if built_on else None


def after_verdict(history: History, experiment: str) -> str | None:
    """The same, of one of a history's experiments."""
    back, below = experiment in history.reversals, built_on_reversed(history, experiment)
    return note(back, below, overtaken(history, experiment))


def reversal_words(reversal: Reversal) -> str:
    """For example "e5 on e3: -0.0042 bpb … : reversed"."""
    return f"{reversal.experiment} on {reversal.base}: {reversal.sentence}"


def prediction_words(who: str, score: PredictionScore) -> str:
    """Describe a proposer's prediction scores beside those of a coin and of no knowledge."""
    return (
        f"{who}: {count(score.scored, 'prediction')} scored, Brier {score.brier:.2f} (a coin: "
        f"{COIN:g}, lower is better), log score {score.log_score:+.2f} (knowing nothing: "
        f"{score.know_nothing:+.2f}, higher is better)"
    )
