"""A contract that is given beside its repository, which carries none."""

from pathlib import Path

import pytest

from autoresearch.lab import Lab
from tests.support.printed import CONTRACT, make_printed
from tests.support.refusals import raises
from tests.support.repositories import every_byte


@pytest.mark.slow
def test_a_contract_beside_the_repository_is_kept_in_the_ledger(tmp_path: Path) -> None:
    source, home = make_printed(tmp_path / "repository", contract=""), tmp_path / "home"
    before = every_byte(source)
    lab = Lab.open(str(source), home=home, contract=CONTRACT)
    assert lab.contract.metric.name == "score"
    assert lab.contract_text() == CONTRACT
    assert Lab.reopen(home=home).contract == lab.contract
    assert Lab.open(str(source), home=home).name == lab.name
    assert lab.verify().ok, lab.verify().findings
    assert every_byte(source) == before


def test_a_repository_without_any_contract_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    source, home = make_printed(tmp_path / "repository", contract=""), tmp_path / "home"
    with raises("contract.no_contract", "autoresearch.toml"):
        Lab.open(str(source), home=home)
    with raises("contract.does_not_fit", "- edit.allow: ", "other.py"):
        Lab.open(str(source), home=home, contract=CONTRACT.replace("work.py", "other.py"))
    assert not list((home / "labs").glob("printed*"))
