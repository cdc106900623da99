"""What the lab knows about its past and its code: overviews, recall, explained sections."""

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

from autoresearch.errors import LabError, NotFoundError
from autoresearch.git.repository import survey
from autoresearch.ledger.history import History
from autoresearch.ledger.search_index import Question
from autoresearch.loop.evaluation import incumbent_view, sandbox_names
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.stacking import Spans, near_misses
from autoresearch.patches.code_sections import (
    LineMap,
    covering_spans,
    definitions,
    find_knobs,
    find_section,
    number_lines,
)
from autoresearch.records import Experiment, Outcome
from autoresearch.sandboxes.selection import current_sandbox, missing
from autoresearch.verdicts.evidence import built_on_taken_back, overtaken
from autoresearch.verdicts.track_record import track_record
from autoresearch.views import CodeSection, Overview, Region, Remembered

LONGEST_SECTION = 160  # lines in one answer
MOST_REMEMBERED = 8
MOST_REGIONS = 8
MOST_SIMILAR = 3
EMPTY_WORDS = set(  # as `alike` sees them: without a final s
    re.findall(
        r"\w+",
        "and are but can could for from help how into it ha have may more much not should so than "
        "that the their them then there these thi those too very wa what when where which while "
        "will with would better change fewer higher improve le longer lower make smaller larger",
    )
)


def overview(lab: OpenLab) -> Overview:
    """A look at the lab."""
    history, contract = lab.history(), lab.contract
    judged = [e for e in history.experiments if e in history.verdicts]
    outcomes: dict[str, int] = {}
    for experiment in judged:
        late = overtaken(history, experiment)
        outcome = "overtaken" if late else str(history.verdicts[experiment].outcome)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return Overview(
        lab=lab.name,
        target=contract.target.name,
        description=contract.target.description,
        source=lab.settings.source,
        notices=_notices(lab),
        metric=contract.metric.name,
        unit=contract.metric.unit,
        direction=contract.metric.direction,
        scoring=contract.metric.provenance,
        editable=lab.repository.matching(
            history.experiments[history.kept[-1]].commit, contract.edit.allow
        ),
        budget=contract.run.budget.describe(),
        devices=lab.runs.devices(),
        sandbox=current_sandbox(network=contract.inputs.network).name,
        brief=lab.brief,
        incumbent=incumbent_view(history, contract),
        outcomes=outcomes,
        running=tuple(run.id for run in history.unfinished()),
        open_experiments=tuple(
            e.id for e in history.experiments.values() if e.base and e.id not in history.verdicts
        ),
        recent=remember(history, judged[::-1][:MOST_REMEMBERED]),
        untouched=_regions(lab, history),
        taken_back=tuple(history.reversals.values()),
        stackable=stackable(lab, history),
        record=track_record(history, contract),
    )


def remember(history: History, experiments: Iterable[str]) -> tuple[Remembered, ...]:
    """Experiments with what they showed."""
    return tuple(_remember(history, history.experiments[e]) for e in experiments)


def similar(lab: OpenLab, experiment: Experiment) -> tuple[Remembered, ...]:
    """Earlier experiments on the same lines, then those whose hypothesis is like this one's."""
    history = lab.history()
    found = [
        earlier
        for change in experiment.changes
        for first, last in change.spans
        for earlier in reversed(touching(lab, history, change.path, first, last))
    ]
    found += [
        earlier.id
        for earlier in reversed(history.experiments.values())
        if alike(earlier.hypothesis, experiment.hypothesis)
    ]
    others = [e for e in dict.fromkeys(found) if e not in (experiment.id, "e0")]
    return remember(history, others[:MOST_SIMILAR])


def alike(one: str, other: str) -> bool:
    """Whether two hypotheses share half of the words that the shorter one has, and at least two.

    Words that say how and not what, numbers, and the ends of words do not count.
    """
    both = [
        {word.rstrip("s") for word in re.findall(r"[a-z]{3,}", text.lower())} - EMPTY_WORDS
        for text in (one, other)
    ]
    return len(both[0] & both[1]) >= max(2, min(map(len, both)) / 2)


def recall(
    lab: OpenLab, question: Question, lines: tuple[int, int] | None
) -> tuple[Remembered, ...]:
    """Earlier experiments that match; `lines` are those of the incumbent's file."""
    history = lab.history()
    found = lab.ledger.cache.recall(history.entries, question)
    if lines is not None:
        first, last = lines
        if first > last:
            raise NotFoundError(
                f"Lines {first}-{last} end before they begin.",
                "Give them as 10-40.",
                reason="lines",
            )
        touched = touching(lab, history, question.path, first, last)
        found = tuple(experiment for experiment in found if experiment in touched)
    return remember(history, [experiment for experiment in found if experiment != "e0"])


def stackable(lab: OpenLab, history: History) -> tuple[str, ...]:
    """Near misses on lines of their own that would make a stack."""
    if sum(v.outcome is Outcome.INCONCLUSIVE for v in history.verdicts.values()) < 2:
        return ()
    touched: dict[str, Spans] = {}
    tip = history.experiments[history.kept[-1]].commit
    for path in lab.repository.matching(tip, lab.contract.edit.allow):
        for experiment, spans in _touched_lines(lab, history, path).items():
            touched.setdefault(experiment, {})[path] = spans
    return near_misses(history, touched)


def verdicts_without_keep(history: History) -> int:
    """How many of the latest verdicts in a row kept nothing."""
    latest = reversed(history.verdicts.values())
    return sum(1 for _ in takewhile(lambda verdict: verdict.outcome is not Outcome.KEEP, latest))


def explain(lab: OpenLab, section: str) -> CodeSection:
    """Lines of a file at the incumbent, with what is known about them."""
    history = lab.history()
    commit = history.experiments[history.kept[-1]].commit
    reader = lab.reader(commit)
    files = [f for f in lab.repository.list_files(commit) if f not in lab.contract.sealed_paths]
    place = find_section(section, files, reader)
    text = reader(place.path)
    last = min(place.last, place.first + LONGEST_SECTION - 1)
    ranges = {name: (knob.low, knob.high) for name, knob in lab.contract.knobs.items()}
    touched = touching(lab, history, place.path, place.first, last)
    editable = place.path in lab.repository.matching(commit, lab.contract.edit.allow)
    return CodeSection(
        path=place.path,
        first=place.first,
        last=last,
        total_lines=len(text.splitlines()),
        code=number_lines(text, place.first, last),
        editable=editable,
        spans=covering_spans(text, place.first, last),
        knobs=find_knobs(text, place.first, last, ranges) if editable else (),
        experiments=remember(history, touched[::-1][:MOST_REMEMBERED]),
        commit=commit,
        rest=f"{place.path}:{last + 1}-{place.last}" if last < place.last else None,
    )


def touching(lab: OpenLab, history: History, path: str, first: int, last: int) -> Sequence[str]:
    """Experiments that changed those lines of the incumbent's file, the oldest first."""
    return [
        experiment
        for experiment, spans in _touched_lines(lab, history, path).items()
        if any(a <= last and first <= b for a, b in spans)
    ]


def _touched_lines(lab: OpenLab, history: History, path: str) -> dict[str, list[tuple[int, int]]]:
    """The lines of the incumbent's file that each experiment touched."""
    tip = history.experiments[history.kept[-1]].commit
    maps: dict[str, LineMap] = {}
    touched: dict[str, list[tuple[int, int]]] = {}
    for experiment in history.experiments.values():
        spans = [
            span for change in experiment.changes if change.path == path for span in change.spans
        ]
        if not spans or experiment.base is None:
            continue
        base = history.experiments[experiment.base].commit
        if base not in maps:
            maps[base] = LineMap(_text_at(lab, base, path), _text_at(lab, tip, path))
        touched[experiment.id] = [maps[base].span(*span) for span in spans]
    return touched


def _text_at(lab: OpenLab, commit: str, path: str) -> str:
    there = path in lab.repository.list_files(commit)
    return lab.read_file(path, commit) if there else ""


def _regions(lab: OpenLab, history: History) -> tuple[Region, ...]:
    """The definitions that no experiment touched, in the order of the files."""
    commit = history.experiments[history.kept[-1]].commit
    found: list[Region] = []
    for path in lab.repository.matching(commit, lab.contract.edit.allow):
        touched = _touched_lines(lab, history, path).values()
        for span in definitions(lab.read_file(path, commit)):
            count = sum(
                any(a <= span.last and span.first <= b for a, b in spans) for spans in touched
            )
            if count == 0:
                found.append(
                    Region(
                        path=path, name=span.name, first=span.first, last=span.last, experiments=0
                    )
                )
    return tuple(found[:MOST_REGIONS])


def _remember(history: History, experiment: Experiment) -> Remembered:
    verdict = history.verdicts.get(experiment.id)
    told = history.lessons.get(experiment.id, ())
    return Remembered(
        experiment=experiment.id,
        base=experiment.base,
        hypothesis=experiment.hypothesis,
        outcome=verdict.outcome if verdict else None,
        effect=verdict.effect if verdict else None,
        low=verdict.low if verdict else None,
        high=verdict.high if verdict else None,
        lesson=told[-1].lesson if told else "",
        changes=experiment.changes,
        taken_back=experiment.id in history.reversals,
        built_on_taken_back=built_on_taken_back(history, experiment.id),
        overtaken=overtaken(history, experiment.id),
        sandbox=sandbox_names(history, verdict.candidate_runs if verdict else ()),
    )


def _moved_on(lab: OpenLab, head: str) -> list[str]:
    opened = lab.history().opened
    assert opened is not None
    if head == opened.source_commit:
        return []
    return [
        f"{lab.settings.source} has moved on from {opened.source_commit[:12]} to {head[:12]}; this "
        "lab, contract included, stays where it was opened. To begin anew, rename the target in "
        f"its contract, or remove {lab.folder} and all that was learned in it."
    ]


def _notices(lab: OpenLab) -> tuple[str, ...]:
    """What a careful reader should know before trusting a result."""
    said = []
    sandbox = current_sandbox(network=lab.contract.inputs.network)
    if sandbox.gaps:
        held = f"held by {sandbox.name}" if sandbox.confined else sandbox.name.upper()
        why = f" ({' '.join(missing())})" if missing() else ""
        said.append(f"Runs are {held}: the code can do this: {'; '.join(sandbox.gaps)}.{why}")
    source = lab.settings.origin.repository
    if source is not None:
        changed: tuple[str, ...] = ()
        try:
            seen = survey(source)
            changed = (*seen.dirty, *seen.untracked)
            said += _moved_on(lab, seen.head)
        except LabError as error:
            said.append(f"{source} cannot be looked at now: {error.message}")
        if changed:
            shown = ", ".join(changed[:5]) + (", ..." if len(changed) > 5 else "")
            said.append(f"Uncommitted files in {source} are not part of the lab: {shown}.")
    return tuple(said)
