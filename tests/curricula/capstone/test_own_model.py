"""The last lesson's own model: names and files that are taken or refused, and a lesson in step."""

import math
from pathlib import Path
from random import Random

import pytest
from inline_snapshot import snapshot

from autoresearch.contract import parse_contract
from curricula import subject
from curricula.capstone import own_model as capstone
from curricula.capstone.names import LEAST_NAMES, Names, read_names
from curricula.content.instance import fill
from curricula.content.lesson import read_lesson
from curricula.errors import SubmissionError
from curricula.grading.grader import Part, Reply
from server.sessions.answer_runner import SandboxRunner
from tests.support.paths import ROOT

LESSON = ROOT / "curricula" / "courses" / "microgpt" / "14-your-own-gpt"
GPT = (ROOT / "microgpt" / "gpt.py").read_text()
SMALL = GPT.replace("WIDTH = 16 ", "WIDTH = 4 ", 1).replace("HEADS = 4 ", "HEADS = 2 ", 1)
MANY = [f"{a}{b}{c}{d}" for a in "abcdef" for b in "aeiou" for c in "klmnrst" for d in "aeiouy"]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_list_is_cleaned_of_blanks_and_keeps_its_order(tmp_path) -> None:
    path = write(tmp_path / "names.txt", ["\ufeff" + MANY[1], "", f"  {MANY[0]}\r", *MANY])
    names = read_names(path)
    assert names.lines[:3] == (MANY[1], MANY[0], MANY[0])
    assert names.different == len(MANY)
    assert names.tokens == 5


@pytest.mark.parametrize(
    ("lines", "code", "numbers"),
    [
        (MANY[:999] * 3, "submission.too_few_names", ("999", "1,000")),
        ([*MANY, "".join(map(chr, range(0x3B1, 0x3B1 + 64)))[:40], "".join(
            map(chr, range(0x430, 0x430 + 32)))], "submission.too_many_characters", ("64",)),
        ([*MANY, "a" * 41], "submission.name_too_long", ("41", "40")),
    ],
)  # fmt: skip
def test_a_list_that_no_small_model_can_learn_is_refused(tmp_path, lines, code, numbers) -> None:
    with pytest.raises(SubmissionError) as refused:
        read_names(write(tmp_path / "names.txt", lines))
    assert refused.value.code == code
    assert all(number in refused.value.message for number in numbers)
    assert refused.value.remedy


def test_a_list_that_is_no_text_or_is_not_there_is_refused(tmp_path) -> None:
    (tmp_path / "latin").write_bytes("José\n".encode("latin-1") * 1000)
    with pytest.raises(SubmissionError, match="byte 3") as refused:
        read_names(tmp_path / "latin")
    assert refused.value.code == "submission.encoding"
    with pytest.raises(SubmissionError, match="No such file") as missing:
        read_names(tmp_path / "none")
    assert missing.value.code == "submission.unreadable_file"


def test_what_is_made_is_a_contract_that_the_lab_reads() -> None:
    names = Names(tuple(MANY))
    fit = capstone.sizes(0.02, 16, names, seconds=20)
    files = capstone.target_files("Beetles & Co", GPT, names, fit)
    contract = parse_contract(files["autoresearch.toml"].encode())
    assert contract.target.name == "beetles-co"
    assert contract.run.budget.tokens == 1000
    assert contract.sealed.held_out * 10 == LEAST_NAMES
    assert set(contract.knobs) >= {"WIDTH", "LEARNING_RATE", "SCALE", "HEAT"}
    assert "INIT_STD" not in contract.knobs  # gpt.py has no such constant
    assert "1,000 tokens" in files["README.md"]


def test_the_budget_follows_the_cost_and_the_ceilings_leave_room() -> None:
    names = Names(tuple(MANY))
    slow, fast = (capstone.sizes(cost, 16, names, seconds=20) for cost in (0.02, 0.0013))
    assert (slow.tokens, fast.tokens) == (1000, 15000)
    assert slow.ceiling == 120
    # 100 names of 5 positions at once, and 125 names prefix by prefix: 15 positions each
    assert slow.score_s == math.ceil(20 + 4 * 0.02 * (500 + 1875))
    assert fast.score_s == 60


def test_a_knobs_range_holds_what_the_constant_is_now() -> None:
    names = Names(tuple(MANY))
    files = capstone.target_files(
        "x", "WIDTH = 48\nSMOOTHING = 0.0\nCONTEXT = 5\n", names, capstone.Sizes(400, 5, 30, 60)
    )
    knobs = parse_contract(files["autoresearch.toml"].encode()).knobs
    assert (knobs["WIDTH"].high, knobs["CONTEXT"].low) == (48, 4)
    assert knobs["SMOOTHING"].low == 0


class Told:
    """A runner whose child says these lines, whatever it is asked."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def run(self, parts: list[Part], *, limit_s: float, memory_mb: int) -> Reply:
        return Reply(lines=('{"part": 0}', *self.lines), ended="exit", sandbox="none")


@pytest.mark.parametrize(
    ("lines", "part", "words"),
    [
        (
            ['{"failed": {"type": "NameError", "words": "it defines no gpt"}}'],
            "file",
            snapshot("it does not run: NameError: it defines no gpt"),
        ),
        (['{"value": ["Value", "train"]}'], "missing", snapshot("it defines no Value, no train")),
        (
            ['{"value": []}', '{"value": 7}'],
            "documents",
            snapshot("what it returns has another form than in gpt.py"),
        ),
        (['{"value": []}'], "documents", snapshot("it had not ended after 90 s of checks")),
        (
            ['{"value": []}', '{"error": {"type": "OSError", "words": "x"}}'],
            "documents",
            snapshot("OSError: x"),
        ),
    ],
)
def test_whatever_a_child_says_is_judged_here_and_put_into_words(lines, part, words) -> None:
    with pytest.raises(capstone.UnfitModelError) as refused:
        capstone.check_model("CONTEXT = 4\n", Told(*lines))
    assert list(refused.value.faults) == [part]
    assert refused.value.faults[part] == words
    assert refused.value.faults[part] in str(refused.value)


FAULTS = {
    "parent.grad += slope": (
        "parent.grad = slope",
        "value",
        snapshot("backward gives other slopes than a small nudge shows"),
    ),
    "+ 1e-5) ** -0.5": (
        "+ 1e-5) ** float('nan')",
        "logits",
        snapshot("there must be a finite score for each token of the vocabulary"),
    ),
    "line), bos]": (
        "line)]",
        "documents",
        snapshot("BOS, the token after the last letter, must open and close each document"),
    ),
    "rng.gauss(0, 0.08)": ("0.5", "weights", snapshot("all of them begin as the same number")),
    "p.data -= rate": ("p.data -= 0 * rate", "train", snapshot("no weight moves")),
    "name += letters[token]": (
        "name += '?'",
        "invent",
        snapshot("it must return a string of the letters it was given"),
    ),
    "def document_loss": ("def another_loss", "missing", snapshot("it defines no document_loss")),
    "CONTEXT = 16": (
        "CONTEXT = 15 + 1",
        "file",
        snapshot("it sets no constant CONTEXT, the most positions that a document can fill"),
    ),
}


@pytest.mark.slow
def test_a_rebuilt_model_is_taken_and_each_fault_in_it_is_named() -> None:
    with SandboxRunner() as runner:
        capstone.check_model(SMALL, runner)
        for find, (replace, part, words) in FAULTS.items():
            assert find in SMALL
            with pytest.raises(capstone.UnfitModelError) as refused:
                capstone.check_model(SMALL.replace(find, replace), runner)
            assert refused.value.faults[part] == words


def test_the_program_to_mend_is_the_one_that_is_graded_and_each_fault_is_one_line_of_it() -> None:
    lesson, problems = read_lesson(LESSON / "lesson.md")
    assert lesson is not None
    assert not problems
    [task] = [task for task in lesson.tasks if task.id == "five-faults"]
    module = subject.load(str(LESSON / "exercises.py"))
    [exercise] = [one for one in module.EXERCISES if one.id == "five-faults"]
    p = {**exercise.draw(Random(1)), "faults": []}
    right = fill(task.starter, p, "right").splitlines()
    assert right == fill(module.PROGRAM, p, "program").strip().splitlines()
    for name, (good, bad) in module.FAULTS.items():
        wrong = fill(task.starter, {**p, "faults": [name]}, name).splitlines()
        [(one, other)] = [pair for pair in zip(right, wrong, strict=True) if pair[0] != pair[1]]
        assert one.replace(good, bad) == other


def test_the_count_of_weights_is_that_of_the_model_itself() -> None:
    module = subject.load(str(LESSON / "exercises.py"))
    gpt = subject.load()
    weights = gpt.initial_weights(27, Random(1))
    p = {"vocab": 27, "width": 16, "layers": 1, "context": 16, "mlp": 4, "tied": False}
    assert module.counted(p) == sum(len(row) for matrix in weights.values() for row in matrix)


@pytest.mark.slow
def test_what_passes_the_exercise_is_taken_as_a_model_of_ones_own() -> None:
    module = subject.load(str(LESSON / "exercises.py"))
    with SandboxRunner() as runner:
        for number, solution in enumerate(module.REBUILD.solutions):
            source = fill(solution, module.REBUILD.draw(Random(number)), "rebuild")
            capstone.check_model(source, runner)
            assert capstone.constants(source)["WIDTH"] in (4, 6)
