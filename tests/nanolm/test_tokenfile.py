"""Token files: what is read, what is refused, what is served and what never is."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from autoresearch.data.token_file import TokenFile, read_token_file
from tests.nanolm.conftest import VOCAB, some_documents, write_token_file

BOS = VOCAB - 1


@pytest.fixture
def corpus(tmp_path: Path) -> TokenFile:
    return read_token_file(write_token_file(tmp_path / "some", some_documents()))


def served(corpus: TokenFile, *, seed: int = 1, budget: int = 3000) -> list[int]:
    stream = corpus.stream(split_seed=3, held_out=10, seed=seed, budget=budget)
    return np.frombuffer(b"".join(stream), "<u2").tolist()


def in_documents(ids: list[int]) -> list[tuple[int, ...]]:
    starts = [n for n, token in enumerate(ids) if token == BOS] + [len(ids)]
    return [tuple(ids[a + 1 : b]) for a, b in itertools.pairwise(starts)]


def test_documents_come_back_as_they_were_written(corpus: TokenFile) -> None:
    documents = some_documents()
    assert [np.frombuffer(corpus.document(n), "<u2").tolist() for n in range(400)] == documents
    assert (corpus.vocab, corpus.bos, len(corpus.sizes)) == (VOCAB, BOS, VOCAB)
    assert corpus.different == 400
    assert corpus.problem == ""


def test_a_tenth_is_held_out_but_no_more_than_four_times_what_is_scored(corpus: TokenFile) -> None:
    wide, narrow = (corpus.split(split_seed=3, held_out=n) for n in (20, 4))
    assert (len(wide.training), len(wide.held_out)) == (360, 20)
    assert [len(part) for part in wide.spare] == [5, 5, 5, 5]
    assert (len(narrow.training), len(narrow.held_out)) == (384, 4)
    assert [len(part) for part in narrow.spare] == [1] * 12
    for split in (wide, narrow):
        spare = [n for part in split.spare for n in part]
        parts = [*split.training, *split.held_out, *spare]
        assert len(set(parts)) == len(parts)
        assert split.spare_part(len(split.spare)) == split.spare[0]
    assert corpus.split(split_seed=4, held_out=20).held_out != wide.held_out


def test_held_out_documents_are_never_served(corpus: TokenFile) -> None:
    split = corpus.split(split_seed=3, held_out=10)
    training = {tuple(np.frombuffer(corpus.document(n), "<u2").tolist()) for n in split.training}
    found = in_documents(served(corpus, budget=40_000))
    assert set(found[:-1]) == training
    assert found[-1] in {document[: len(found[-1])] for document in training}


def test_the_stream_ends_where_the_budget_does_to_the_token(corpus: TokenFile) -> None:
    """A budget counts predictions: one less than there are ids."""
    for budget in (1, 2, 999, 3000):
        ids = served(corpus, budget=budget)
        assert ids[0] == BOS
        assert len(ids) - 1 == budget


def test_a_seed_draws_the_order(corpus: TokenFile) -> None:
    assert served(corpus, seed=1) == served(corpus, seed=1) != served(corpus, seed=2)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:100], "too short"),
        (lambda data: b"x" + data[1:], "is not a token file of the format"),
        (lambda data: data[:-2], "bytes, but its header says"),
        (lambda data: data.replace(b"tokens 1", b"tokens 2"), "its format is"),
        (lambda data: data.replace(b'"vocab": 33', b'"vocab": 1 '), "says vocab 1,"),
    ],
)
def test_a_damaged_file_is_refused_with_the_reason(
    tmp_path: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    path = write_token_file(tmp_path / "some", some_documents())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=words):
        read_token_file(path)


def test_what_is_there_twice_or_no_word_of_the_vocabulary_is_a_problem(tmp_path: Path) -> None:
    documents = some_documents(20)
    twice = read_token_file(write_token_file(tmp_path / "a", [*documents, documents[3]]))
    assert twice.problem == ("holds 1 documents twice, so held-out text would be trained on")
    beyond = read_token_file(write_token_file(tmp_path / "b", [*documents, [1, 2, BOS]]))
    assert "holds the id 32, but the largest" in beyond.problem
