"""Pictures are drawn from what is so, and a learner's expression is read, never run."""

import itertools
import subprocess
import sys

import pytest

from curricula.errors import CourseError, SubmissionError, UnknownNameError
from curricula.explanation.expression import graph, tidy
from curricula.explanation.graph_layout import arrange
from curricula.explanation.pictures import KINDS, picture
from tests.support.paths import ROOT
from tests.support.tiers import first_in_ci

PNG = b"\x89PNG\r\n\x1a\n"


def size(png: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the header."""
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_a_graph_holds_values_and_gradients_of_every_node() -> None:
    nodes = {
        node.label: (node.data, node.grad) for node in graph("a = 2; b = -3; relu(a*b + 10)**2")
    }
    assert nodes == {
        "a": (2, -24),
        "b": (-3, 16),
        "*": (-6, 8),
        "10": (10, 8),
        "+": (4, 8),
        "relu": (4, 8),
        "** 2": (16, 1),
    }


def test_a_name_used_twice_is_one_node_with_both_gradients() -> None:
    nodes = graph("a = 3; a * a + a")
    assert [node.label for node in nodes] == ["a", "*", "+"]
    assert nodes[0].grad == 7
    assert nodes[1].parents == (0, 0)


def test_what_is_not_used_is_not_drawn() -> None:
    assert [node.label for node in graph("a = 1; b = 2; exp(b)")] == ["b", "exp"]


@pytest.mark.parametrize(
    ("text", "reason", "named"),
    [
        ("", "not_an_expression", ""),
        ("a = 2", "not_an_expression", ""),
        ("a = 2; a - 1", "operator", "-"),
        ("a = 2; a / 3", "operator", "/"),
        ("-(2 + 1)", "operator", "-"),
        ("a + 1", "undefined_name", "a "),
        ("__import__('os').system('true')", "not_allowed", ""),
        ("(1).__class__", "not_allowed", ""),
        ("[1][0]", "not_allowed", ""),
        ("a = 1; a = a + 1; a", "assignment", ""),
        ("import os; 1", "assignment", ""),
        ("True + 1", "not_allowed", ""),
        ("1j + 1", "not_allowed", ""),
        ("2 ** (1 + 1)", "power", ""),
        ("log(0)", "not_computable", ""),
        ("log(-1)", "not_computable", ""),
        ("(-2) ** 0.5 + 1", "not_computable", ""),
        ("10.0 ** 400", "not_computable", ""),
        ("0 ** -1", "not_computable", ""),
        ("1e308 * 10", "not_computable", ""),
        ("exp(1000)", "not_computable", ""),
        ("exp(1, 2)", "not_allowed", ""),
        ("a +", "not_an_expression", ""),
        ("\0", "not_an_expression", ""),
        ("(" * 150, "not_an_expression", ""),
        ("1" + " + 1" * 30, "too_many_nodes", "24"),
        ("1" + " " * 300, "too_large", ""),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_remedy(text: str, reason: str, named: str) -> None:
    with pytest.raises(SubmissionError) as refused:
        graph(text)
    assert refused.value.reason == reason
    assert named in refused.value.message
    assert refused.value.remedy


def test_a_comment_does_not_reach_the_title() -> None:
    assert tidy("a=2 # $x$\nexp( a )") == "a = 2; exp(a)"


def test_every_edge_of_a_layout_goes_right_and_no_two_nodes_meet() -> None:
    nodes = graph("a = 2; b = 3; (a*b + a) * (a*b + b) + exp(a) * log(b*b) + a * 0.5")
    layout = arrange([node.parents for node in nodes])
    assert len(set(layout.at.values())) == len(nodes)
    passed = [point for edge in layout.edges for point in edge[1:-1]]
    assert passed
    assert not set(passed) & set(layout.at.values())
    for edge in layout.edges:
        assert [b[0] - a[0] for a, b in itertools.pairwise(edge)] == [1] * (len(edge) - 1)


def test_an_unknown_picture_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="attention, loss, embedding, graph") as refused:
        picture("photo")
    assert refused.value.code == "unknown_name.picture"


def test_a_bad_example_is_refused_before_anything_is_drawn() -> None:
    with pytest.raises(SubmissionError, match="'emma'") as refused:
        picture("attention", "EMMA")
    assert refused.value.code == "submission.unknown_character"


def test_without_matplotlib_the_error_names_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as where it is not installed
    with pytest.raises(CourseError, match=r"autoresearch-mcp\[plots\]") as refused:
        picture("loss")
    assert refused.value.code == "course_error.plots_missing"


@pytest.mark.slow
def test_nothing_heavy_is_imported_before_a_picture_is_asked_for() -> None:
    code = (
        "import sys, curricula.explanation.pictures, curricula.explanation.explain; "
        "print(sorted({'numpy', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", first_in_ci(KINDS, 2))
def test_every_picture_is_a_png_of_readable_size(kind: str) -> None:
    drawn = picture(kind)
    assert drawn.startswith(PNG)
    width, height = size(drawn)
    assert 500 < width < 2500
    assert 250 < height < 2500
    assert len(drawn) < 500_000
    assert picture(kind) == drawn  # nothing random, no date


@pytest.mark.long
def test_another_example_and_another_expression_give_another_picture() -> None:
    assert picture("attention", "ada") != picture("attention", "bob")
    assert picture("graph", expression="1 + 2") != picture("graph", expression="1 + 3")
