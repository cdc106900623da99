import hashlib

import pytest

from .conftest import MICROGPT

DATA = MICROGPT / "data"


@pytest.mark.parametrize(("name", "count"), [("first_names.txt", 5_163), ("surnames.txt", 88_799)])
def test_each_list_is_whole_sorted_and_in_lower_case_letters(name, count):
    names = (DATA / name).read_text("ascii").splitlines()
    assert len(names) == count
    assert names == sorted(set(names))
    assert all(n.isalpha() and n.islower() for n in names)


@pytest.mark.parametrize("name", ["first_names.txt", "surnames.txt"])
def test_the_readme_states_the_hash_of_each_list(name):
    digest = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
    row = next(
        r for r in (DATA / "README.md").read_text().splitlines() if r.startswith(f"| {name}")
    )
    assert digest in row
