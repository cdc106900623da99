"""A lab that kept three real gains and, by luck injected where runs are started, two passengers."""

import json
import re
import shutil
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from autoresearch.devices import Wanted
from autoresearch.devices.slots import Slot
from autoresearch.executors import Executor
from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit
from autoresearch.records import EndCause, Outcome, Proposer, RunReport
from autoresearch.run_directory import RunDir, with_end
from tests.support.instant import InstantExecutor, with_executor
from tests.support.repositories import TRAIN, make_repository, to_verdict

# A tenth is held out, 312 names: 100 that are scored, and eight spare parts of 25.
MANY_NAMES = sorted("".join(parts) for parts in product(("ba", "de", "ki", "lo", "mu"), repeat=5))
SPARE_PARTS = 8
FIVE_KNOBS = TRAIN.replace(
    "SMOOTHING = 30.0\nSCALE = 1.0\n",
    "SMOOTHING = 20.0\n\n\nSALT = 1.0\n\n\nPRIOR = 40.0\n\n\nPEPPER = 1.0\n\n\nFLOOR = 80.0\n",
).replace("+ SMOOTHING", "+ SMOOTHING + PRIOR + FLOOR + 0.0 * (SALT + PEPPER)")
AGENT = Proposer(client="tests", client_version="1", model="none")
IDEAS = (
    ("FLOOR = 80.0", "FLOOR = 0.2", "a lower floor drowns the counts less"),
    ("SALT = 1.0", "SALT = 2.0", "more salt brings out the rare pairs"),
    ("PRIOR = 40.0", "PRIOR = 0.1", "a weaker prior follows the data"),
    ("PEPPER = 1.0", "PEPPER = 3.0", "pepper wakes the model up"),
    ("SMOOTHING = 20.0", "SMOOTHING = 0.1", "smooth less, now that nothing else does"),
)
GAINS, PASSENGERS = ("e1", "e3", "e5"), ("e2", "e4")
LUCKY = ("SALT = 2.0", "PEPPER = 3.0")


@dataclass
class LuckyExecutor:
    """Real runs; in the ledger's, each passenger gives the training four times the tokens.

    Runs of the same number get their data in the same order, so that two versions of the code
    differ by what the code does.
    """

    inner: Executor

    def submit(self, rundir: RunDir) -> None:
        spec = rundir.read_spec()
        luck = _luck(rundir)
        rundir.write_spec(replace(spec, order=_number(rundir), budget=spec.budget * 4**luck))
        self.inner.submit(rundir)

    def alive(self, rundir: RunDir) -> bool:
        return self.inner.alive(rundir)

    def settle(self, rundir: RunDir) -> RunReport | None:
        return self.inner.settle(rundir)

    def slots(self, wanted: Wanted, gpu_memory_mb: float = 0) -> tuple[Slot, ...]:
        return self.inner.slots(wanted, gpu_memory_mb)


@dataclass
class LuckyInstantExecutor(InstantExecutor):
    """Runs that take no time, by five knobs; luck is in the runs of the ledger alone."""

    apart: float | None = 0.1
    started: list[str] = field(default_factory=list)  # outside the ledger
    twins: bool = False  # either passenger alone is worth .02, both together no more
    crashing: tuple[str, ...] = ()  # variants whose runs crash
    dies_after: int = 10**9  # runs outside the ledger, after which Ctrl-C is pressed

    def value(self, rundir: RunDir) -> float:
        text = (rundir.tree / "train.py").read_text()
        knobs = dict(re.findall(r"^([A-Z]+) = (\S+)$", text, re.M))
        twin = any(line in text for line in LUCKY) if self.twins else False
        level = sum(float(knobs[name]) for name in ("SMOOTHING", "PRIOR", "FLOOR")) / 2000
        noise = (_number(rundir) * 377 % 997) / 997 * self.noise
        return 2.0 + level - 0.02 * (twin + _luck(rundir)) + noise

    def submit(self, rundir: RunDir) -> None:
        if not _of_ledger(rundir):
            self.started.append(f"{rundir.path.parent.name}/{rundir.path.name}")
        super().submit(rundir)
        if rundir.path.parent.name in self.crashing:
            report = rundir.read_status()
            assert report is not None
            ended = with_end(report, EndCause.EXCEPTION, "NameError: SALT")
            rundir.write_status(replace(ended, measurement=None))
        if len(self.started) >= self.dies_after:
            raise KeyboardInterrupt


def make_lab_with_passengers(folder: Path, home: Path, *, instant: bool = True) -> Lab:
    """The lab `tiny` with the kept line e0 to e5, of which e2 and e4 do nothing."""
    repository = make_repository(folder, train=FIVE_KNOBS, names=MANY_NAMES)
    lab = lucky(Lab.open(str(repository), home=home), instant=instant)
    to_verdict(lab, "e0")
    for find, put, hypothesis in IDEAS:
        edits = [Edit(path="train.py", find=find, replace=put)]
        made = lab.propose(hypothesis, edits=edits, proposer=AGENT).experiment.id
        verdict = to_verdict(lab, made).verdict
        assert verdict is not None
        assert verdict.outcome is Outcome.KEEP, verdict.sentence
    assert lab.history().kept == ("e0", "e1", "e2", "e3", "e4", "e5")
    return lab


def copied_lab(made: Path, folder: Path, *, executor: InstantExecutor | None = None) -> Lab:
    """The lab of such a home, copied with its repository, so that a test may change both."""
    shutil.copytree(made / "repository", folder / "repository", symlinks=True)
    shutil.copytree(made / "home", folder / "home")
    settings = folder / "home" / "labs" / "tiny" / "lab.json"
    fields = json.loads(settings.read_text())
    settings.write_text(json.dumps({**fields, "source": str(folder / "repository")}))
    lab = Lab.reopen("tiny", home=folder / "home")
    return with_executor(lab, executor or LuckyInstantExecutor())


def lucky(lab: Lab, *, instant: bool = True) -> Lab:
    """The lab, its runs started where passengers have luck."""
    if instant:
        return with_executor(lab, LuckyInstantExecutor())
    lab.__dict__["runs"] = replace(lab.runs, executor=LuckyExecutor(lab.runs.executor))
    return lab


def _of_ledger(rundir: RunDir) -> bool:
    return rundir.path.parent.name == "runs"


def _luck(rundir: RunDir) -> int:
    text = (rundir.tree / "train.py").read_text()
    return sum(line in text for line in LUCKY) if _of_ledger(rundir) else 0


def _number(rundir: RunDir) -> int:
    found = re.search(r"(?:^|-)r(\d+)", rundir.path.name)
    assert found is not None
    return int(found[1])
