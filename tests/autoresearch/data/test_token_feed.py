"""What goes through the pipe, and what never does."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from autoresearch.data.held_out_split import Split, split_corpus
from autoresearch.data.token_feed import Corpus, Feed, read_corpus, token_stream
from tests.support.fakes import NAMES


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    path = tmp_path / "documents.txt"
    path.write_text("\n".join(NAMES) + "\n")
    return read_corpus(path)


def split(corpus: Corpus, seed: int = 3) -> Split[str]:
    return split_corpus(corpus, split_seed=seed, held_out=3)


def served(corpus: Corpus, *, seed: int = 1, budget: int = 400) -> list[int]:
    stream = token_stream(corpus, split(corpus).training, seed=seed, budget=budget)
    return np.frombuffer(b"".join(stream), "<u2").tolist()


def documents_of(corpus: Corpus, ids: list[int]) -> list[str]:
    text = "".join("|" if n == corpus.bos else corpus.characters[n] for n in ids)
    assert text.startswith("|")
    assert text.endswith("|")
    return text[1:-1].split("|")


def test_documents_are_stripped_lines_and_characters_are_sorted(tmp_path: Path) -> None:
    path = tmp_path / "documents.txt"
    path.write_bytes("  zoé \r\n\n\nann\u2028a\n".encode())
    corpus = read_corpus(path)
    assert corpus.documents == ("zoé", "ann\u2028a")
    assert corpus.characters == "anozé\u2028"
    assert (corpus.bos, corpus.vocab) == (6, 7)


def test_too_few_documents_are_refused_with_their_number(tmp_path: Path) -> None:
    path = tmp_path / "documents.txt"
    path.write_text("one\n")
    with pytest.raises(ValueError, match="holds 1 documents"):
        read_corpus(path)


def test_a_tenth_is_held_out_and_the_rest_trains_in_file_order(corpus: Corpus) -> None:
    parts = split(corpus)
    assert len(corpus.documents) - len(parts.training) == round(len(corpus.documents) / 10)
    assert list(parts.training) == [d for d in corpus.documents if d in set(parts.training)]
    assert not set(parts.held_out) & set(parts.training)


def test_a_text_that_is_held_out_trains_nowhere_even_if_it_is_there_twice() -> None:
    corpus = Corpus(NAMES * 3, "".join(sorted(set("".join(NAMES)))))
    parts = split(corpus)
    assert not set(parts.held_out) & set(parts.training)
    assert len(parts.training) == 3 * (len(NAMES) - round(len(NAMES) / 10))


def test_another_split_seed_holds_out_others(corpus: Corpus) -> None:
    assert split(corpus, 3).held_out == split(corpus, 3).held_out != split(corpus, 4).held_out


def test_held_out_documents_are_never_served(corpus: Corpus) -> None:
    hidden = set(corpus.documents) - set(split(corpus).training)
    assert hidden
    assert not hidden & set(documents_of(corpus, served(corpus, budget=5000)))


def test_every_epoch_serves_every_training_document_in_a_new_order(corpus: Corpus) -> None:
    training = split(corpus).training
    documents = documents_of(corpus, served(corpus, budget=5000))
    first, second = documents[: len(training)], documents[len(training) : 2 * len(training)]
    assert sorted(first) == sorted(second) == sorted(training)
    assert first != second


@pytest.mark.parametrize("budget", [1, 3, 4, 37, 400])
def test_the_budget_is_never_exceeded_nor_left_by_more_than_a_document(
    corpus: Corpus, budget: int
) -> None:
    cost = len(served(corpus, budget=budget)) - 1  # predictions: one fewer than ids
    assert budget - 4 <= cost <= budget  # the longest document costs 4


def test_the_order_is_the_seeds(corpus: Corpus) -> None:
    assert served(corpus, seed=1) == served(corpus, seed=1) != served(corpus, seed=2)


def test_every_training_token_arrives_and_then_the_end(corpus: Corpus) -> None:
    reading, writing = os.pipe()
    feed = Feed(writing, reading)
    feed.serve(token_stream(corpus, split(corpus).training, seed=1, budget=100_000))
    got: list[bytes] = []
    with os.fdopen(reading, "rb") as file:
        reader = threading.Thread(target=lambda: got.append(file.read()))
        reader.start()
        while feed.pump():
            pass
        reader.join()
    assert feed.fileno is None
    assert np.frombuffer(got[0], "<u2").tolist() == served(corpus, budget=100_000)
    assert feed.tokens == len(got[0]) // 2 - 1
    feed.abandon()


def test_a_reader_that_leaves_early_is_counted_for_what_it_took(corpus: Corpus) -> None:
    reading, writing = os.pipe()
    feed = Feed(writing, reading)
    feed.serve(token_stream(corpus, split(corpus).training, seed=1, budget=None))
    assert feed.pump()
    os.read(reading, 2002)
    assert feed.tokens == 1000
    os.close(reading)
    assert feed.pump()
    assert feed.pump()  # the pipe is full, and nobody reads
    assert feed.tokens == 1000
    feed.abandon()
    assert feed.fileno is None
    assert feed.tokens == 1000


def test_tokens_that_nobody_read_are_not_taken_after_the_end_of_the_stream(corpus: Corpus) -> None:
    reading, writing = os.pipe()
    feed = Feed(writing, reading)
    feed.serve(token_stream(corpus, split(corpus).training, seed=1, budget=5000))
    while feed.pump():
        pass
    assert feed.fileno is None
    assert feed.tokens == 0
    os.read(reading, 202)
    assert feed.tokens == 100
    os.close(reading)
    feed.abandon()
    assert feed.tokens == 100


def test_many_characters_keep_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "documents.txt"
    path.write_text("\n".join(chr(n) for n in range(0x4E00, 0x4E00 + 3000)))
    corpus = read_corpus(path)
    assert set(documents_of(corpus, served(corpus, budget=10_000))) == set(split(corpus).training)


def test_spare_parts_share_nothing_with_what_is_scored_nor_with_training() -> None:
    corpus = Corpus(tuple(f"name{n}" for n in range(1000)), "0123456789aemn")
    split = split_corpus(corpus, split_seed=5, held_out=40)
    assert [len(part) for part in split.spare] == [10] * 6
    spare = {document for part in split.spare for document in part}
    assert len(spare) == 60
    assert not spare & {*split.held_out, *split.training}
    assert split.spare_part(7) == split.spare[1]
    assert split_corpus(corpus, split_seed=5, held_out=100).spare_part(0) == ()
