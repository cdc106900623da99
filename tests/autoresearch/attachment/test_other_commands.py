"""Commands that are no Python, notebooks, odd names, and files that no patch should change."""

from pathlib import Path

import pytest

from autoresearch.attachment.commands import shown
from autoresearch.attachment.contract_text import contract_text
from autoresearch.attachment.metric_choice import refuse_unknown
from autoresearch.attachment.proposal_parts import Answers
from autoresearch.contract import parse_contract
from tests.support.proposals import look
from tests.support.refusals import raises

MAKEFILE = "all: work\nwork: work.c\n\tcc -O0 -o work work.c\nrun: work\n\t./work\n"
WORK_C = '#include <stdio.h>\nint main() { printf("score: %f\\n", s / 1e7); return 0; }\n'
BENCH_JS = "let s = 0; console.log(`score: ${s}`);\n"


def found(files: dict[str, str]) -> tuple[str, str, tuple[str, ...]]:
    """(command, metric, editable files) as proposed."""
    proposal = look(files)
    assert proposal.command and proposal.metric and proposal.edit, proposal.choices
    return shown(proposal.command.value), proposal.metric.value.name, proposal.edit.value


def test_the_readmes_make_target_is_the_command_and_its_sources_may_change() -> None:
    readme = "A C program\n```bash\nmake run\n```\n"
    files = {"Makefile": MAKEFILE, "README.md": readme, "work.c": WORK_C}
    assert found(files) == ("make run", "score", ("work.c",))
    metric = parse_contract(contract_text(look(files)).encode()).metric
    assert (metric.direction, metric.pattern[:8]) == ("max", r"^\s*scor")


def test_a_script_of_package_json_is_the_command_without_a_readme_that_says_so() -> None:
    package = '{"name": "x", "scripts": {"bench": "node bench.js", "build": "tsc"}}'
    files = {"package.json": package, "bench.js": BENCH_JS}
    assert found(files) == ("node bench.js", "score", ("bench.js",))


def test_a_benchmark_stays_and_what_it_requires_may_change() -> None:
    files = {
        "package.json": '{"scripts": {"bench": "node --expose-gc bench.js > out"}}',
        "bench.js": "const { f } = require('./lib/fast')\nconsole.log('ms:', f())\n",
        "lib/fast.js": "exports.f = () => 1\n",
    }
    assert found(files) == ("npm run bench", "ms", ("lib/fast.js",))


def test_a_rust_benchmark_is_run_by_cargo() -> None:
    files = {
        "Cargo.toml": "[package]\n",
        "README.md": "Run `cargo bench`.\n",
        "src/lib.rs": "pub fn f() {}\n",
        "benches/speed.rs": 'fn main() { println!("throughput: {:.2}", t); }\n',
    }
    assert found(files)[:2] == ("cargo bench", "throughput")


def test_a_command_that_the_readme_names_comes_before_what_it_does_not_name() -> None:
    readme = "```sh\n$ ./go.sh --fast  # or so\n```\n"
    proposal = look(
        {
            "README.md": readme,
            "go.sh": "./work\n",
            "train.py": "print('loss:', x)",
            "work.c": WORK_C,
        }
    )
    assert proposal.command is not None
    assert shown(proposal.command.value) == "./go.sh --fast"


@pytest.mark.parametrize(
    "command",
    ["make install", "npm install", "cargo build", "make run | tee log", "node missing.js", "make"],
)
def test_what_builds_installs_or_needs_a_shell_is_no_run(command: str) -> None:
    files = {"README.md": f"```\n{command}\n```\n", "Makefile": "install:\n\tcp a b\n", "b.go": ""}
    assert look(files).command is None


@pytest.mark.parametrize(
    ("name", "line", "label"),
    [
        ("w.cpp", 'std::cout << "val loss: " << l << std::endl;', "val loss"),
        ("w.js", 'console.log("accuracy:", a)', "accuracy"),
        ("w.go", 'fmt.Printf("rate=%.2f\\n", r)', "rate"),
        ("w.rs", 'println!("auc: {auc}");', "auc"),
        ("w.jl", 'println("score = ", s)', "score"),
    ],
)
def test_a_number_is_found_in_what_other_languages_print(name: str, line: str, label: str) -> None:
    proposal = look({name: line, "run.sh": f"x {name}\n"}, Answers(command="sh run.sh"))
    assert proposal.metric is not None
    assert proposal.metric.value.name == label.replace(" ", "_")


def test_a_repository_of_notebooks_is_told_how_to_make_a_program_of_one() -> None:
    proposal = look({"demo.ipynb": "{}", "README.md": ""})
    with raises("contract.notebooks_only", "demo.ipynb", "notebook", "nbconvert"):
        refuse_unknown(proposal, taken=True)


def test_where_nothing_will_run_an_unknown_metric_is_named_with_its_direction() -> None:
    files = {"work.py": 'print("padded size from", 3)\nprint("size in grads from", 4)\n'}
    proposal = look(files, Answers(command="python work.py"))
    with raises("contract.unknown_answers", "--metric", "--direction"):
        refuse_unknown(proposal, taken=True, run=False)
    refuse_unknown(proposal, taken=True)  # a run shows what it prints


@pytest.mark.parametrize(
    "name", ["my wörk.py", "-x.py", "it's.py", "a[1].py", "train (final).py", "é.py"]
)
def test_a_name_with_spaces_accents_quotes_dashes_or_brackets_is_one_file(name: str) -> None:
    proposal = look({name: 'import random\nX = 3\nprint("accuracy:", X / 10)\n'})
    contract = parse_contract(contract_text(proposal).encode())
    assert contract.run.command == ("{python}", f"./{name}" if name[0] == "-" else name)
    [glob] = contract.edit.allow
    assert glob.replace("\\", "") == name


@pytest.mark.slow
def test_a_glob_for_an_odd_name_matches_that_file_alone(tmp_path: Path) -> None:
    from autoresearch.git.repository import Repository

    repository = Repository.create(tmp_path / "r.git")
    names = ("a[1].py", "a1.py", "-x.py", "my wörk.py", "b*.py", "bc.py")
    commit = repository.import_files(dict.fromkeys(names, b""), "odd")
    from autoresearch.attachment.editable_files import literal

    for name in names:
        assert repository.matching(commit, (literal(name),)) == (name,)


def test_a_metric_with_an_accent_gets_a_name_that_a_contract_takes() -> None:
    proposal = look({"work.py": 'print("précision:", p)'}, Answers(direction="max"))
    contract = parse_contract(contract_text(proposal).encode())
    assert contract.metric.name == "precision"
    assert "précision" in contract.metric.pattern


def test_data_tokenizer_and_evaluation_are_not_proposed_as_editable() -> None:
    files = {
        "train.py": "import model, data.loader, tokenizer, evaluate, my_dataset\nprint('loss:', x)",
        "model.py": "",
        "data/loader.py": "",
        "tokenizer.py": "",
        "evaluate.py": "",
        "my_dataset.py": "",
    }
    proposal = look(files)
    assert proposal.edit is not None
    assert proposal.edit.value == ("model.py", "train.py")
    assert "tokenizer.py" in proposal.edit.why


def test_a_contract_is_readable_at_80_columns() -> None:
    files = {
        "train.py": "import "
        + ", ".join(f"part_{n}_of_it" for n in range(9))
        + "\nprint('loss:', x)",
        **{f"part_{n}_of_it.py": "" for n in range(9)},
    }
    command = "AN_OPTION=a_long_value ANOTHER_OPTION=a_longer_value A_THIRD=one python train.py"
    guard = "tests=pytest -q --with-a-long-option --and-another=one --and-a-third=one -k something"
    text = contract_text(look(files, Answers(command=command, guards=(guard,))))
    lines = [line for line in text.splitlines() if not line.startswith("pattern = ")]  # stays whole
    assert max(map(len, lines)) <= 80
    contract = parse_contract(text.encode())
    assert contract.run.env["A_THIRD"] == "one"
    assert len(contract.edit.allow) == 10
