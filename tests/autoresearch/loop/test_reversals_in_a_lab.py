"""A keep that was luck, in a whole lab: the record, the branch, and what everybody is told."""

import pytest

from autoresearch.lab import Lab
from autoresearch.ledger.ledger import INCUMBENT_REF
from autoresearch.records import Outcome, Reverted
from autoresearch.verdicts.evidence import controls_of, values
from tests.support.pretend import Pretend
from tests.support.repositories import BETTER, propose


@pytest.fixture
def pretend(lab: Lab) -> Pretend:
    return Pretend(lab, devices=1)


@pytest.mark.slow
def test_idle_time_finds_out_luck_and_the_base_is_the_incumbent_again(
    lab: Lab, pretend: Pretend
) -> None:
    history = lab.history()
    base = values(history, controls_of(history, "e0"))
    lucky = propose(lab, BETTER)
    pretend.measure(lucky, *[min(base) - 1.0 - by for by in (0.0, 0.01, 0.02, 0.03)])
    kept = lab.evaluate(lucky)
    assert kept.incumbent.experiment == lucky
    on_top = propose(lab, ("np.zeros((vocab, vocab))", "np.ones((vocab, vocab))"), "built on luck")
    pretend.measure(lucky, *[max(base) + by for by in (0.5, 0.51, 0.52, 0.53, 0.54, 0.55)])
    lab.tend()

    history = lab.history()
    assert history.incumbent == "e0"
    assert lab.repository.resolve(INCUMBENT_REF) == history.experiments["e0"].commit
    assert sum(isinstance(entry.event, Reverted) for entry in history.entries) == 1
    found = lab.verify()
    assert found.ok, found.findings
    seen = lab.overview()
    assert seen.incumbent.instead_of == lucky
    assert [one.experiment for one in seen.taken_back] == [lucky]
    assert {one.experiment: one.taken_back for one in lab.recall(words="smooth")}[lucky]
    [above] = lab.recall(words="built on luck")
    assert above.built_on_taken_back == lucky

    pretend.measure(on_top, *[min(base) - 5.0 - by for by in (0.0, 0.01, 0.02, 0.03)])
    judged = lab.evaluate(on_top)
    assert judged.verdict is not None
    assert judged.verdict.outcome is Outcome.KEEP
    assert not judged.verdict.moved_incumbent
    assert judged.replayed_as is not None
    assert lab.history().experiments[judged.replayed_as].base == "e0"
