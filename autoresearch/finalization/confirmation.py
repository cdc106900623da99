"""Confirm what is left against the original code, on held-out documents that nobody saw.

The final code and e0 run in pairs. Both runs of a pair are scored on the same spare part of the
held-out documents. No verdict rests on a spare part, and these are parts that no run before was
even shown on, as long as there is one. They are drawn once for a final code: who finalizes again
gets the same runs.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from autoresearch.common.files import replace_file
from autoresearch.finalization.fresh_runs import FreshRuns, Variant, Wanted, failure_of
from autoresearch.lab import Lab
from autoresearch.ledger.history import History
from autoresearch.records import RunReport
from autoresearch.statistics.metric_scale import scale_for
from autoresearch.statistics.noise import quantile
from autoresearch.statistics.t_table import T_975
from autoresearch.verdicts.judgement import log_scale, lower_is_better

PAIRS = 8
PARTS_FILE = "held-out-parts.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A mean with its 95 % interval; metric units. Without an interval: fewer than two runs."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One run of the final code and one of e0, on the same spare part."""

    part: int
    seeds: tuple[int, int]  # of the final code's run and of e0's
    final: float | None  # on the documents that verdicts use; None: it gave no value
    original: float | None
    final_unseen: float | None  # on the spare part
    original_unseen: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The final code beside e0, by fresh runs; a gain is above 0 if the final code is better."""

    pairs: tuple[Pair, ...]
    gain: Span | None  # on the documents that verdicts use; None where no pair was measured
    unseen: Span | None  # the final code's own score on unseen documents
    unseen_original: Span | None
    unseen_gain: Span | None
    parts: tuple[int, ...]  # spare parts that were scored; () where the lab has none
    shown_before: bool  # earlier runs were scored on them, too, since no part was left
    failed: str = ""  # why a run gave no value

    @property
    def holds(self) -> bool:
        """Return whether the gain's interval is above 0, on unseen documents if there are any."""
        found = self.unseen_gain or self.gain
        return found is not None and found.low is not None and found.low > 0.0


def confirm(lab: Lab, fresh: FreshRuns, final: Variant) -> Confirmation:
    """Run the final code and e0 in pairs; what is known already is not run again."""
    history = lab.history()
    parts, shown_before = _parts(lab, history, fresh.folder / final.name)
    original = Variant(
        name=f"original-beside-{final.name}",
        commit=history.experiments["e0"].commit,
        experiment="e0",
    )
    wanted = [
        Wanted(variant=one, number=n, spare_part=parts[(n - 1) % len(parts)] if parts else 0)
        for n in range(1, PAIRS + 1)
        for one in (final, original)
    ]
    reports = fresh.run(wanted, "the final code beside e0")
    pairs = tuple(
        _pair(wanted[n].spare_part, (fresh.seed_of(wanted[n]), fresh.seed_of(wanted[n + 1])), two)
        for n in range(0, len(wanted), 2)
        for two in (reports[n : n + 2],)
    )
    return summarize(
        pairs,
        lower_is_better=lower_is_better(lab.contract),
        log=log_scale(lab.contract),
        parts=parts,
        shown_before=shown_before,
        failed=failure_of(reports),
    )


def summarize(
    pairs: Sequence[Pair],
    *,
    lower_is_better: bool,
    log: bool = False,
    parts: tuple[int, ...] = (),
    shown_before: bool = False,
    failed: str = "",
) -> Confirmation:
    """Return the means with intervals of these pairs; pure."""
    judged = [(p.final, p.original) for p in pairs]
    unseen = [(p.final_unseen, p.original_unseen) for p in pairs]
    finals = [value for value, _ in unseen if value is not None]
    originals = [value for _, value in unseen if value is not None]
    return Confirmation(
        pairs=tuple(pairs),
        gain=_gain(judged, lower_is_better, log),
        unseen=_span(finals),
        unseen_original=_span(originals),
        unseen_gain=_gain(unseen, lower_is_better, log),
        parts=parts if finals else (),
        shown_before=shown_before,
        failed=failed,
    )


def unseen_parts(history: History, count: int, taken: Sequence[int] = ()) -> tuple[int, ...]:
    """Return the spare parts that no run was scored on; `taken` were by an earlier finalize."""
    if not count:
        return ()
    used = {run.spare_part % count for run in history.runs.values()}
    return tuple(part for part in range(count) if part not in used and part not in taken)


def _parts(lab: Lab, history: History, folder: Path) -> tuple[tuple[int, ...], bool]:
    """Return the parts of this final code, drawn once, and whether earlier runs had them too."""
    file = folder / PARTS_FILE
    if not file.exists():
        count = count_parts(lab)
        others = folder.parent.parent.glob(f"*/*/{PARTS_FILE}")
        taken = [part for other in others for part in json.loads(other.read_text())["parts"]]
        unseen = unseen_parts(history, count, taken)
        parts = unseen or tuple(sorted(range(count), key=lambda part: (taken.count(part), part)))
        folder.mkdir(parents=True, exist_ok=True)
        drawn = {"parts": parts[:PAIRS], "shown_before": not unseen}
        replace_file(file, json.dumps(drawn).encode())
    found = json.loads(file.read_text())
    return tuple(found["parts"]), bool(found["parts"] and found["shown_before"])


def count_parts(lab: Lab) -> int:
    """Return how many spare parts the lab's held-out documents have."""
    sealed = lab.contract.sealed
    if sealed is None or sealed.vocab == "arrays":
        return 0
    from autoresearch.data.corpora import open_corpus  # numpy, for one kind

    return open_corpus(sealed.vocab, lab.runs.documents).count_spare_parts(sealed.held_out)


def _pair(part: int, seeds: tuple[int, int], reports: Sequence[RunReport]) -> Pair:
    final, original = (None if r.cut else r.measurement for r in reports)
    return Pair(
        part=part,
        seeds=seeds,
        final=final.value if final else None,
        original=original.value if original else None,
        final_unseen=final.spare if final else None,
        original_unseen=original.spare if original else None,
    )


def _gain(
    pairs: Sequence[tuple[float | None, float | None]], lower: bool, log: bool
) -> Span | None:
    """Return the mean gain of the first over the second; pairs share luck, so they are compared."""
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    if not both:
        return None
    scale = scale_for([v for two in both for v in two], lower_is_better=lower, log=log)
    finals, originals = (scale.gains([two[side] for two in both]) for side in (0, 1))
    apart = _span([one - other for one, other in zip(finals, originals, strict=True)])
    assert apart is not None
    level = fmean(originals)
    low, high = (
        None if end is None else scale.effect(level, end) for end in (apart.low, apart.high)
    )
    return Span(value=scale.effect(level, apart.value), low=low, high=high)


def _span(values: Sequence[float]) -> Span | None:
    """Return the mean and its interval by Student's t."""
    if not values:
        return None
    mean = fmean(values)
    if len(values) < 2:
        return Span(value=mean, low=None, high=None)
    half = quantile(T_975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Span(value=mean, low=mean - half, high=mean + half)
