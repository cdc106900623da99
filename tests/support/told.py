"""A history that a test tells event by event, with no git and no process."""

from dataclasses import replace

from autoresearch.contract import parse_contract
from autoresearch.ledger.events import Entry, Event
from autoresearch.ledger.history import History
from autoresearch.records import Judged, RunFinished, Verdict
from autoresearch.verdicts.verdicts import due_verdict
from tests.support.repositories import CONTRACT
from tests.support.samples import OPENED, finished, proposed, started

TINY = parse_contract(CONTRACT.encode())
IN_SECONDS = parse_contract(CONTRACT.replace("tokens = 1500, cpu_s = 10", "cpu_s = 10").encode())
BASELINE = (3.20, 3.21, 3.19, 3.20, 3.22, 3.18)  # sigma is about 0.014


class Told:
    """A lab with e0, and whatever it is told."""

    def __init__(self, *baseline: float) -> None:
        self.history = History()
        self.tell(OPENED)
        self.tell(proposed(self.history, "a" * 40))
        self.runs("e0", *baseline)

    def tell(self, event: Event) -> None:
        n = len(self.history.entries)
        self.history.apply(Entry(n=n, at=float(n), commit=f"{n:040x}", event=event))

    def propose(self, **changes: object) -> str:
        """The next experiment, on the incumbent."""
        name = self.history.next_experiment
        self.tell(proposed(self.history, f"{len(self.history.experiments):040x}", **changes))
        return name

    def runs(
        self,
        experiment: str,
        *values: float,
        cut: str = "",
        at: float = 1.0,
        apart: float = 0.0,
        guards: tuple[tuple[str, float], ...] = (),
    ) -> None:
        """Runs that ended with these values; each spare part says `apart` more."""
        for value in values:
            begun = started(self.history, experiment)
            self.tell(begun)
            ended = finished(begun.run.id).report
            assert ended.measurement is not None
            measurement = replace(ended.measurement, value=value, spare=value + apart)
            report = replace(ended, measurement=measurement, cut=cut, started=at, ended=at + 2)
            self.tell(RunFinished(report=replace(report, guard_numbers=guards)))

    def judge(self, experiment: str) -> Verdict:
        """The verdict that is due, given."""
        verdict = due_verdict(experiment, self.history, TINY)
        assert verdict is not None
        self.tell(Judged(verdict=verdict))
        return verdict
