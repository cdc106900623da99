"""How far a lab can be trusted, in words: expected false keeps, overfitting, scored predictions.

Pure functions; effects are in metric units and positive is better.
"""

from autoresearch.overfitting import Overfitting
from autoresearch.records import Reversal
from autoresearch.views import Overview, ProposerScore, TrackRecord
from server import results
from server.figures import count, effect


def trust_shown(record: TrackRecord, unit: str, sigma: float | None) -> results.TrustShown:
    """The track record, for a tool's answer."""
    return results.TrustShown(
        false_keeps=false_keep_words(record),
        overfitting=overfitting_words(record.overfitting, unit, sigma),
        predictions=[proposer_words(one, unit) for one in record.proposers],
    )


def trust_rows(view: Overview) -> list[tuple[str, str]]:
    """(name, words) of what is known, for a table."""
    record, sigma = view.record, view.incumbent.sigma
    found = overfitting_words(record.overfitting, view.unit, sigma)
    return [
        *(("taken back", words) for words in map(taken_back_words, view.taken_back)),
        ("luck", false_keep_words(record)),
        *([("overfitting", found)] if found else []),
        *(("predictions", proposer_words(one, view.unit)) for one in record.proposers),
    ]


def false_keep_words(record: TrackRecord) -> str:
    """For example "0.02 false keeps to be expected among 14 candidates"."""
    expected = f"{record.false_keeps:.2g}"
    return (
        f"{expected} false keeps to be expected at most among "
        f"{count(record.candidates, 'candidate')} judged"
    )


def overfitting_words(found: Overfitting | None, unit: str, sigma: float | None) -> str | None:
    """What the keeps gained on the judged part, beside the spare part that no verdict used."""
    if found is None:
        return None
    return (
        f"{count(found.keeps, 'keep')} claimed {effect(found.claimed, None, None, sigma)} {unit} "
        "on the judged part; on a spare part that no verdict used "
        f"{effect(found.spare, found.spare_low, found.spare_high, sigma)}: selection has "
        f"overfitted by {effect(found.excess, found.low, found.high, sigma)}"
    )


def taken_back_words(reversal: Reversal) -> str:
    """For example "e5, so e3 is the incumbent again: -0.0042 bpb …"."""
    return f"{reversal.experiment} on {reversal.base}: {reversal.sentence}"


def proposer_words(one: ProposerScore, unit: str) -> str:
    """For example "claude-code opus: 12 predictions, Brier 0.21 (0.25 is a coin's), …"."""
    log = f", log score {one.log_score:+.2f} a prediction" if one.log_score is not None else ""
    return (
        f"{one.proposer}: {count(one.predictions, 'prediction')} scored, Brier {one.brier:.2f} "
        f"(0.25 is a coin's){log}"
    )
