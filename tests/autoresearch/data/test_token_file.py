"""Token files: any documents come back, and no file reads as what it is not."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoresearch.data.token_file import read_token_file
from tests.nanolm.conftest import VOCAB, write_token_file

DOCUMENTS = st.lists(
    st.lists(st.integers(0, VOCAB - 2), min_size=1, max_size=6), min_size=2, max_size=12
)
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.slow
@one_folder
@given(DOCUMENTS, st.integers(0, 5), st.integers(1, 4))
def test_documents_come_back_and_a_split_gives_each_to_one_side(tmp_path, documents, seed, scored):
    corpus = read_token_file(write_token_file(tmp_path / "tokens", documents))
    read = [np.frombuffer(corpus.document(n), "<u2").tolist() for n in range(len(documents))]
    assert read == documents
    assert corpus.different == len({tuple(document) for document in documents})
    split = corpus.split(split_seed=seed, held_out=scored)
    places = [*split.training, *split.held_out, *(n for part in split.spare for n in part)]
    assert len(set(places)) == len(places)
    assert 1 <= len(split.held_out) <= scored


@pytest.mark.slow
@one_folder
@given(DOCUMENTS, st.integers(0, 4095), st.binary(min_size=1, max_size=4), st.integers(-9, 9))
def test_a_file_that_was_changed_is_refused_or_whole(tmp_path, documents, at, bits, more):
    path = write_token_file(tmp_path / "tokens", documents)
    content = bytearray(path.read_bytes())
    content[at : at + len(bits)] = bits
    path.write_bytes(content[:more] if more < 0 else content + bytes(more))
    try:
        corpus = read_token_file(path)
    except ValueError:
        return
    assert corpus.ends[-1] * 2 == len(corpus.ids)


@pytest.mark.parametrize(
    "header",
    [
        "[" * 4095,
        '{"format": "autoresearch tokens 1", "vocab": 1e999, "documents": 2, "tokens": 9}',
        '{"format": "autoresearch tokens 1", "vocab": null, "documents": 2, "tokens": 9}',
        "[]",
        '"ß"',
    ],
)
def test_a_header_that_says_nothing_is_refused(tmp_path, header):
    path = write_token_file(tmp_path / "tokens", [[1], [2]])
    path.write_bytes(header.encode().ljust(4096) + path.read_bytes()[4096:])
    with pytest.raises(ValueError, match="not a token file"):
        read_token_file(path)
