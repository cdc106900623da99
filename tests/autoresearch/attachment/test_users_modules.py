"""Modules that git does not carry: the user's own are found, no stranger's takes their place."""

import subprocess
from pathlib import Path

import pytest

from autoresearch.attachment.clues.package_names import WELL_KNOWN, declared_names
from autoresearch.attachment.metric_choice import refuse_unknown
from autoresearch.attachment.proposal_parts import Answers, Sureness
from autoresearch.attachment.repairs import hint, repair
from autoresearch.git.repository import snapshot
from autoresearch.records import EndCause
from autoresearch.run_directory import ended_report
from autoresearch.setup.environment import Recipe, build
from tests.support.proposals import look, seen
from tests.support.refusals import raises
from tests.support.repositories import git

WORK = 'import helpers\nprint(f"METRIC score={helpers.V}")\n'
MISSING = "ModuleNotFoundError: No module named 'nosuch_helpers'"


def test_a_module_that_was_not_committed_becomes_an_input_and_no_package(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text("import nosuch_deeper\nV = 7\n")
    (tmp_path / "nosuch_deeper").mkdir()
    (tmp_path / "nosuch_deeper" / "__init__.py").write_text("from . import inner\n")
    (tmp_path / "nosuch_deeper" / "inner.py").write_text("")
    found = look({"work.py": WORK}, root=tmp_path)
    assert found.inputs.value == ("helpers.py", "nosuch_deeper")
    assert "helpers.py: it is imported" in found.inputs.why
    assert (found.packages, found.needed, found.unknown) == (None, (), ())
    assert found.edit is not None
    assert found.edit.value == ("work.py",)


def test_a_folder_of_results_that_is_named_like_a_package_is_not_taken_for_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "wandb" / "run-1").mkdir(parents=True)
    (tmp_path / "wandb" / "run-1" / "log.txt").write_text("")
    found = look({"work.py": "import wandb\nprint('loss:', x)"}, root=tmp_path)
    assert found.inputs.value == ()
    assert found.needed == ("wandb",)


@pytest.mark.slow
def test_a_module_in_a_submodule_is_found_there_and_asked_of_no_registry(tmp_path: Path) -> None:
    library, root = tmp_path / "library", tmp_path / "root"
    mine = ("-c", "user.name=U", "-c", "user.email=u@example.org")
    for folder, name, text in (
        (library, "nosuch_lib.py", "V = 7\n"),
        (
            root,
            "work.py",
            "import sys\nsys.path.insert(0, 'libm')\nimport nosuch_lib\nprint('loss:', 1)\n",
        ),
    ):
        folder.mkdir()
        (folder / name).write_text(text)
        git(folder, "init", "-q", "-b", "main")
        git(folder, "add", ".")
        git(folder, *mine, "commit", "-qm", "a")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "libm")
    git(root, *mine, "commit", "-qm", "b")
    from autoresearch.attachment.contract_proposal import propose

    found = propose(snapshot(root), Answers(), {})
    assert any(path.startswith("libm") for path in found.inputs.value)
    assert (found.packages, found.unknown) == (None, ())
    subprocess.run(["rm", "-r", str(root / "libm")], check=True)
    empty = propose(snapshot(root), Answers(), {})
    with raises("contract.unknown_module", "nosuch_lib", "libm", "submodule"):
        refuse_unknown(empty, taken=True)


@pytest.mark.parametrize("run", [True, False])
def test_a_name_that_nothing_declares_is_refused_with_every_way_on(run: bool) -> None:
    found = look({"work.py": "import nosuch_helpers\nprint('loss:', x)"})
    assert found.unknown == ("nosuch_helpers",)
    ways = ("nosuch_helpers.py", "requirements.txt", "--package", "--python")
    with raises("contract.unknown_module", *ways):
        refuse_unknown(found, taken=True, run=run)


def test_the_users_word_lets_a_name_be_asked_for() -> None:
    work = {"work.py": "import nosuch_helpers\nprint('loss:', x)"}
    found = look(work, Answers(packages=("nosuch-helpers",)))
    assert found.packages is not None
    assert (found.packages.value, found.unknown) == (("nosuch-helpers",), ())
    assert found.packages.sure is Sureness.GUESSED
    assert look(work, Answers(python="/opt/python")).unknown == ()


DECLARATIONS = {
    "requirements.txt": "nosuch_a==1  # pinned\n",
    "requirements-dev.txt": "nosuch_a\n",
    "environment.yml": "dependencies:\n  - conda-forge::nosuch_a=1\n",
    "setup.py": "setup(install_requires=['nosuch_a>=1'])",
    "setup.cfg": "[options]\ninstall_requires =\n    nosuch_a>=1\n    other\n",
    "Pipfile": '[packages]\nnosuch_a = "*"\n',
    "uv.lock": '[[package]]\nname = "nosuch-a"\n',
    "pyproject.toml": '[project.optional-dependencies]\ntrain = ["nosuch_a"]\n',
}


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_name_counts_as_declared_wherever_repositories_declare_one(name: str) -> None:
    files = {name: DECLARATIONS[name]}
    assert "nosuch-a" in declared_names(seen(files))
    found = look({"work.py": "import nosuch_a\nprint('loss:', x)", **files})
    assert found.unknown == ()


def test_groups_and_poetry_declare_names_too() -> None:
    project = '[dependency-groups]\na = ["nosuch_b"]\n[tool.poetry.dependencies]\nnosuch_c = "*"\n'
    assert {"nosuch-b", "nosuch-c"} <= declared_names(seen({"pyproject.toml": project}))


def test_what_is_declared_may_bring_a_module_of_another_name() -> None:
    found = look(
        {"work.py": "import nosuch_helpers\nprint('loss:', x)", "requirements.txt": "nosuch-kit\n"}
    )
    assert found.packages is not None
    assert (found.packages.value, found.unknown) == (("nosuch-kit",), ())


def test_a_well_known_name_needs_no_declaration() -> None:
    found = look({"work.py": "import nevergrad, faiss\nprint('loss:', x)"})
    assert found.packages is not None
    assert found.packages.value == ("faiss-cpu", "nevergrad")
    assert not WELL_KNOWN & {"helpers", "lib", "utils", "config", "model", "models", "data", "core"}


def test_a_module_that_a_run_misses_is_not_guessed_either() -> None:
    proposal = look({"work.py": 'name = "nosuch_helpers"\n__import__(name)\nprint("loss:", x)'})
    report = ended_report("e0-r1", EndCause.EXCEPTION, MISSING)
    nothing = seen({})
    assert repair(proposal, nothing, report, MISSING) is None
    assert "--package nosuch_helpers" in hint(proposal, nothing, report, MISSING)
    known = MISSING.replace("nosuch_helpers", "tqdm")
    mended = repair(proposal, nothing, report, known)
    assert mended is not None
    assert mended.proposal.packages is not None
    assert mended.proposal.packages.value == ("tqdm",)


@pytest.mark.slow
def test_no_package_is_built_outside_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    project = tmp_path / "project"
    project.mkdir()
    ran = tmp_path / "ran"
    (project / "setup.py").write_text(
        f"open({str(ran)!r}, 'w')\nimport setuptools\nsetuptools.setup(name='answer')\n"
    )
    with raises("invalid_state.environment_failed", "sandbox", "--python PATH"):
        build(tmp_path / "home", Recipe(python="3.11", packages=(f"answer @ {project.as_uri()}",)))
    assert not ran.exists()
