"""Prove a proposal by real runs of the code as it is; correct it by what the first runs show.

Each try gets a lab of its own. The lab of the try that succeeds stays. Every other one is removed,
however this ends: its runs are killed and its folder is deleted.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from filelock import FileLock

from autoresearch.attachment.contract_text import contract_text
from autoresearch.attachment.metric_names import Number, may_have_a_sign
from autoresearch.attachment.printed_numbers import said_numbers
from autoresearch.attachment.proposal_parts import Meter, Part, Proposal, Sureness
from autoresearch.attachment.repairs import Repaired, hint, repair
from autoresearch.attachment.same_program.comparison import (
    Compared,
    amended,
    compare,
    differing_words,
    refuse,
    taken_words,
)
from autoresearch.attachment.same_program.content_elsewhere import absence_words
from autoresearch.errors import RunStartError
from autoresearch.git.snapshot import Snapshot
from autoresearch.lab import Lab
from autoresearch.records import EndCause, RunReport, RunState
from autoresearch.run_directory import remove_tree
from autoresearch.run_output.log_digest import digest
from autoresearch.setup.settings import UNPROVED

MOST_TRIES = 9  # contracts, one after another
FEWEST_RUNS, MOST_RUNS = 2, 5
QUICK_S = 20.0  # beyond the fewest, runs go on for as long
MOST_REPEATED = 5  # runs in a row that the machine disturbed, with longer and longer rests
REST_S = 2.0
LOOK_S = 0.1
ENDING_S = 40.0
DIGEST = 1500  # characters of a log in an error
FIX = (
    "Fix that in the repository and commit it, or give what is missing: --command, --metric and "
    "--pattern or --metric-file, --budget-s, --input PATH, --python PATH, --package NAME, "
    "--network."
)


class Watch(Protocol):
    """Told how it goes."""

    def said(self, line: str) -> None:
        """Something happened."""

    def now(self, line: str) -> None:
        """Report the current activity; the next call replaces it."""


Opener = Callable[[str], Lab]  # makes the lab of a contract's text
Chooser = Callable[[Proposal, tuple[Number, ...]], Proposal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A lab in which the baseline was measured."""

    lab: Lab
    proposal: Proposal
    contract: str
    runs: tuple[RunReport, ...]  # measured ones only
    differences: tuple[str, ...] = ()  # from the user's program, as sentences

    @property
    def values(self) -> tuple[float, ...]:
        """Measured values of the baseline's runs, in the metric's unit."""
        return tuple(run.measurement.value for run in self.runs if run.measurement is not None)

    @property
    def seconds(self) -> float:
        """Seconds that a run takes, guards and scoring included."""
        return sum(run.ended - run.started for run in self.runs) / len(self.runs)


def measure_baseline(
    proposal: Proposal,
    snapshot: Snapshot,
    open_lab: Opener,
    watch: Watch,
    choose: Chooser,
    note: Callable[[Proposal], None] = lambda proposal: None,
) -> Baseline:
    """Run the baseline, correcting the proposal by what a run shows.

    While the metric is not known a run is timed only, and `choose` picks it from what was printed.
    `note` is called with each corrected proposal. Until the baseline is measured the lab says that
    it is not. Raises RunStartError with the digest of the log if nothing more can be corrected.
    """
    sure: Proposal | None = None  # the last proposal whose run had a number
    for _ in range(MOST_TRIES):
        known = not proposal.missing
        text = contract_text(proposal if known else _timed(proposal))
        lab = open_lab(text)
        try:
            unproved = FileLock(lab.folder / UNPROVED)
            unproved.acquire(blocking=False)
            report = _run(lab, watch, counts=known)
            if report.measurement is not None and known:
                compared = compare(lab, report, proposal, snapshot, watch.now)
                sure, more = proposal, amended(proposal, compared.differences)
                if more is None:
                    proven = _proven(lab, proposal, text, report, compared, watch)
                    (lab.folder / UNPROVED).unlink()
                    unproved.release()
                    return proven
                watch.said(f"{report.run}: {taken_words(proposal, more)}; trying again")
                following = more
            elif report.measurement is not None or _seen(report, known=known):
                following = choose(proposal, said_numbers(lab.log(report.run)))
            else:
                log = lab.log(report.run)
                following = _repaired(proposal, snapshot, report, log, watch, sure)
        except BaseException:
            discard(lab)
            raise
        discard(lab)
        proposal = following
        note(proposal)
    raise RunStartError(
        f"The baseline still fails after {MOST_TRIES} tries, each corrected by the one before.",
        "Give the rest as options: `autoresearch-mcp init --help` lists them.",
        reason="still_fails",
    )


def _seen(report: RunReport, *, known: bool) -> bool:
    """Return whether a run whose metric is not known printed its numbers on a busy machine."""
    return report.cause is EndCause.DISTURBED and not known


def _proven(
    lab: Lab, proposal: Proposal, text: str, first: RunReport, compared: Compared, watch: Watch
) -> Baseline:
    """Repeat the first run, and say what still differs from the user's program."""
    refuse(compared.differences)
    runs = _repeat(lab, first, watch)
    refuse_signed(proposal, runs)
    values = [run.measurement.value for run in runs if run.measurement is not None]
    said = (*compared.differences.said, *filter(None, [differing_words(compared, values)]))
    return Baseline(lab=lab, proposal=proposal, contract=text, runs=runs, differences=said)


def discard(lab: Lab) -> None:
    """Remove a lab: its runs are ended and dead first."""
    deadline = time.monotonic() + ENDING_S
    going = [lab.runs.directory(run) for run in lab.running]
    for rundir in going:
        rundir.stop_file.touch()
    while any(lab.runs.executor.settle(rundir) is None for rundir in going):
        if time.monotonic() > deadline:
            raise RunStartError(
                f"A run of the lab {lab.name} does not end, so the lab was not removed.",
                f"Look at `ps`; then remove {lab.folder}.",
                reason="run_goes_on",
            )
        time.sleep(LOOK_S)
    with FileLock(lab.home / "labs" / ".lock"):
        (lab.folder / "lab.json").unlink(missing_ok=True)  # from here on it is no lab
        remove_tree(lab.folder)


def _timed(proposal: Proposal) -> Proposal:
    """The same with the clock for its metric, to see what it prints."""
    return replace(
        proposal,
        metric=Part(Meter(name="wall_s", scoring="clock"), ""),
        direction=Part("min", ""),
        guards=Part({}, ""),
    )


def _repaired(
    proposal: Proposal,
    snapshot: Snapshot,
    report: RunReport,
    log: str,
    watch: Watch,
    sure: Proposal | None,
) -> Proposal:
    repaired: Repaired | None = repair(proposal, snapshot, report, log)
    if repaired is None:
        failed = _failure(report, log, hint(proposal, snapshot, report, log))
        if sure is not None:
            failed.message += f"It ran before this: {taken_words(sure, proposal)}. "
            failed.remedy += " --leave-out takes a path or a variable from runs."
        elif words := absence_words(snapshot):
            failed.message += f"{words}\n"
        raise failed
    watch.said(f"{report.run}: {repaired.words}; trying again")
    return repaired.proposal


def refuse_signed(proposal: Proposal, runs: Sequence[RunReport]) -> None:
    """Raise RunStartError if an error to minimise is negative: less of it would not be better."""
    metric, direction = proposal.metric, proposal.direction
    if metric is None or direction is None or direction.sure is Sureness.SAID:
        return
    values = [run.measurement.value for run in runs if run.measurement is not None]
    if direction.value == "min" and may_have_a_sign(metric.value.name) and min(values) < 0:
        raise RunStartError(
            f"{metric.value.name} is {min(values):g}: an error with a sign is best at 0, and the "
            "lower the better would be wrong.",
            "Print its size, such as abs(error), and commit that; or choose another metric "
            "(--metric), or say which way is better: --direction min or max.",
            reason="signed_error",
        )


def _failure(report: RunReport, log: str, hint: str = "") -> RunStartError:
    printed = digest(log, DIGEST)
    quoted = f"\nIts output, of an untrusted program:\n{printed}" if printed.strip() else ""
    return RunStartError(
        f"The baseline does not run: {report.reason.rstrip('.')}.{quoted}\n",
        f"{hint or FIX} No lab was kept; the next init starts from what this one found.",
        reason="baseline_fails",
    )


def _repeat(lab: Lab, first: RunReport, watch: Watch) -> tuple[RunReport, ...]:
    """The first run and further ones: two at least, up to five where they are quick."""
    runs = [first]
    began = time.monotonic()
    while len(runs) < FEWEST_RUNS or (len(runs) < MOST_RUNS and time.monotonic() - began < QUICK_S):
        enough = len(runs) >= FEWEST_RUNS
        report = _to_end(lab, watch) if enough else _run(lab, watch)
        if enough and report.state.repeated:
            break  # the machine got busy: what is proven stays so
        if report.measurement is None:
            raise _failure(report, lab.log(report.run))
        runs.append(report)
    return tuple(runs)


def _run(lab: Lab, watch: Watch, *, counts: bool = True) -> RunReport:
    """One run of the code as it is; repeated where the machine disturbed it, if its number counts.

    Where only what it prints is asked, a busy machine changes nothing.
    """
    for n in range(MOST_REPEATED):
        report = _to_end(lab, watch)
        only_disturbed = report.cause is EndCause.DISTURBED and not counts
        timeout_s = lab.contract.run.budget.timeout_s
        too_long = timeout_s is not None and report.wall_s >= timeout_s
        if not report.state.repeated or only_disturbed or too_long:
            return report  # too long for its time-out: again would be no shorter
        rest_s = REST_S * n if n + 1 < MOST_REPEATED else 0.0
        watch.said(f"{report.run}: {report.state}: {report.reason}")
        watch.now(f"waiting {rest_s:g} s for a quieter machine")
        time.sleep(rest_s)
    raise RunStartError(
        f"The machine disturbed {MOST_REPEATED} runs in a row: {report.reason}.",
        "No lab was kept, but what was found is: run the same init again when the machine is "
        "quieter (`autoresearch-mcp doctor` checks it).",
        reason="disturbed",
    )


def _to_end(lab: Lab, watch: Watch) -> RunReport:
    run = lab.start_run("e0").id
    directory = lab.runs.directory(run)
    began, told = time.monotonic(), math.nan
    while run not in lab.history().reports:
        status = directory.read_status()
        if status is None or status.state.final:
            lab.view_run(run)
        seconds = time.monotonic() - began
        if int(seconds) != told:
            told = int(seconds)
            state = status.state if status else RunState.QUEUED
            watch.now(f"{run} {state}, {told} s")
        time.sleep(LOOK_S)
    report = lab.history().reports[run]
    if report.measurement is not None:
        watch.said(f"{run}: {report.reason} in {report.ended - report.started:.1f} s")
    return report
