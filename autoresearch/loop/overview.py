"""The overview of a lab: its target, how far it is, and what to know before trusting a result."""

import time

from autoresearch.errors import LabError
from autoresearch.git.repository import survey
from autoresearch.git.user_repository import Survey
from autoresearch.ledger.campaign_rules import unattended_notice
from autoresearch.ledger.history import History
from autoresearch.loop.incumbent import incumbent_view
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.recall import remember
from autoresearch.loop.touched_lines import reopened_dead_ends, stackable, touched_lines
from autoresearch.memory.claims import held
from autoresearch.patches.code_sections import definitions
from autoresearch.sandboxes.selection import current_sandbox, missing
from autoresearch.setup.settings import UNPROVED
from autoresearch.verdicts.ending import ending_of
from autoresearch.verdicts.evidence import controls_of, overtaken, values
from autoresearch.verdicts.repetition import repeat_exactly
from autoresearch.verdicts.track_record import track_record
from autoresearch.views import Overview, Region

MOST_REMEMBERED = 8
MOST_REGIONS = 8
MOST_REOPENED = 3


def overview(lab: OpenLab) -> Overview:
    """Return a look at the lab: its target, how far it is, and what nobody has touched yet."""
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
        ending=ending_of(history, contract, time.time()),
        reopened=reopened_dead_ends(lab, history)[:MOST_REOPENED],
        claims=held(history, time.time()),
    )


def _regions(lab: OpenLab, history: History) -> tuple[Region, ...]:
    """Return the definitions that no experiment touched, in the order of the files."""
    commit = history.experiments[history.kept[-1]].commit
    found: list[Region] = []
    for path in lab.repository.matching(commit, lab.contract.edit.allow):
        touched = touched_lines(lab, history, path).values()
        for span in definitions(lab.read_file(path, commit)):
            if not any(a <= span.last and span.first <= b for spans in touched for a, b in spans):
                found.append(
                    Region(
                        path=path, name=span.name, first=span.first, last=span.last, experiments=0
                    )
                )
    return tuple(found[:MOST_REGIONS])


def _notices(lab: OpenLab) -> tuple[str, ...]:
    """Return what a careful reader should know before trusting a result."""
    notices = []
    sandbox = current_sandbox(network=lab.contract.inputs.network)
    if sandbox.gaps:
        held = f"held by {sandbox.name}" if sandbox.confined else sandbox.name.upper()
        why = f" ({' '.join(missing())})" if missing() else ""
        gaps = "; ".join(sandbox.gaps)
        notices.append(f"Runs are {held}, but their code can do this: {gaps}.{why}")
    notices += _repetition(lab.history())
    notices += filter(None, [unattended_notice(lab.history(), lab.folder)])
    source = lab.settings.origin.repository
    if (lab.folder / UNPROVED).exists():
        notices.append(
            "This lab's baseline is not measured: an init goes on, or was killed. Run it again: "
            f"autoresearch-mcp init {lab.settings.source}"
        )
    if source is not None:
        changed: tuple[str, ...] = ()
        try:
            seen = survey(source)
            changed = (*seen.dirty, *seen.untracked)
            notices += _moved_on(lab, seen.head)
            notices += _content_elsewhere(lab, seen)
        except LabError as error:
            notices.append(f"{source} can't be read now: {error.message}")
        if changed:
            shown = ", ".join(changed[:5]) + (", ..." if len(changed) > 5 else "")
            notices.append(f"Uncommitted files in {source} are not part of the lab: {shown}.")
    return tuple(notices)


def _repetition(history: History) -> list[str]:
    """Say that the lab's seed does not reach the metric, where all control runs show it."""
    groups = {kept: values(history, controls_of(history, kept)) for kept in history.kept}
    if not repeat_exactly(groups.values()):
        return []
    shown, found = [(kept, found) for kept, found in groups.items() if len(found) > 1][-1]
    return [
        f"The {len(found)} control runs of {shown}, each with a seed of its own, gave exactly "
        f"{found[0]:.10g}: the metric ignores the lab's seed. "
        "Any difference counts. If the code draws random numbers from a fixed seed, a change may "
        "win by other draws alone: let it take AUTORESEARCH_SEED, committed before a lab is opened."
    ]


def _content_elsewhere(lab: OpenLab, seen: Survey) -> list[str]:
    """Return sentences on Git LFS files and submodules of which runs have no content."""
    opened = lab.history().opened
    assert opened is not None
    given = [place for place, _ in opened.inputs]
    said = []
    for names, words in (
        (seen.lfs, "Runs read the text of Git LFS pointers in place of"),
        (seen.submodules, "Runs have no files of the submodules"),
    ):
        lacking = [n for n in names if not any(f"{g}/".startswith(f"{n}/") for g in given)]
        if lacking:
            shown = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
            said.append(
                f"{words} {shown}: name those that they need in [inputs] read_only of the "
                "contract, and open a new lab."
            )
    return said


def _moved_on(lab: OpenLab, head: str) -> list[str]:
    opened = lab.history().opened
    assert opened is not None
    if head == opened.source_commit:
        return []
    return [
        f"{lab.settings.source} has moved on from {opened.source_commit[:12]} to {head[:12]}; this "
        "lab, contract included, stays at the commit it was opened on. To start over, rename the "
        f"target in its contract, or remove {lab.folder} and everything learned in it."
    ]
