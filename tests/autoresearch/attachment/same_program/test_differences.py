"""What a look-up makes of a contract: taken, named or left alone. Nothing is run."""

import sys
from pathlib import Path

import pytest

from autoresearch.attachment.same_program.differences import Differences, find_differences
from autoresearch.attachment.same_program.lookups import Lookups
from autoresearch.attachment.same_program.places import Places
from autoresearch.attachment.same_program.variables import is_telling
from autoresearch.git.snapshot import Snapshot
from tests.support.same_programs import write


def compared(
    folder: Path,
    looked: Lookups,
    *,
    have: tuple[str, ...] = (),
    tracked: tuple[str, ...] = ("train.py",),
    environ: dict[str, str] | None = None,
    inputs: tuple[str, ...] = (),
    leave_out: tuple[str, ...] = (),
) -> Differences:
    """What is found where the user has these files; ~ is a folder of its own."""
    root, home = folder / "mine", folder / "user"
    root.mkdir(exist_ok=True)
    for name in have:
        write(home if name.startswith("~/") else root, {name.removeprefix("~/"): "x"})
    here = tuple(name for name in have if not name.startswith("~/"))
    seen = Snapshot(root=root, files=tracked, untracked=here, read=lambda _: "")
    places = Places(
        snapshot=seen,
        home=home,
        tree=folder / "run" / "tree",
        scratch=folder / "run" / "scratch",
        inputs=inputs,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        return find_differences(
            looked, places, environ or {}, python=sys.executable, leave_out=leave_out
        )


def paths(folder: Path, *names: str, own: bool = True) -> dict[str, bool]:
    run = folder / "run"
    return {
        str(run / "scratch" / name[2:] if name.startswith("~/") else run / "tree" / name): own
        for name in names
    }


def test_a_miss_counts_only_where_the_user_has_the_path(tmp_path: Path) -> None:
    looked = Lookups(missed=paths(tmp_path, "meta.pkl", "nobody.pkl", "~/.cache/a/b", "~/c"))
    found = compared(tmp_path, looked, have=("meta.pkl", "~/.cache/a/b"))
    assert set(found.inputs) == {"meta.pkl", "~/.cache/a/b"}
    assert not (found.said or found.stops)


def test_of_a_folder_and_a_file_in_it_the_file_is_enough(tmp_path: Path) -> None:
    looked = Lookups(missed=paths(tmp_path, "data", "data/meta.pkl"))
    found = compared(tmp_path, looked, have=("data/meta.pkl", "data/huge.bin"))
    assert set(found.inputs) == {"data/meta.pkl"}


def test_what_the_run_makes_is_its_output_and_is_never_taken(tmp_path: Path) -> None:
    looked = Lookups(
        missed=paths(tmp_path, "out", "out/last.ckpt", "cache.npy"),
        made=set(paths(tmp_path, "out", "out/last.ckpt", "cache.npy")),
        listed=paths(tmp_path, "out"),
    )
    found = compared(tmp_path, looked, have=("out/last.ckpt", "cache.npy"))
    assert not found.inputs
    assert "out/last.ckpt" in found.said[0]
    assert "cache.npy" in found.said[0]


def test_an_input_that_the_lab_mounts_is_no_output(tmp_path: Path) -> None:
    looked = Lookups(
        missed=paths(tmp_path, "data/meta.pkl"), made=set(paths(tmp_path, "data", "data/a.bin"))
    )
    have = ("data/a.bin", "data/meta.pkl")
    found = compared(tmp_path, looked, have=have, inputs=("data/a.bin",))
    assert set(found.inputs) == {"data/meta.pkl"}


@pytest.mark.parametrize("name", [".env", "keys/server.pem", "id_ed25519", "my_credentials.json"])
def test_a_secret_is_named_and_not_taken(name: str, tmp_path: Path) -> None:
    found = compared(tmp_path, Lookups(missed=paths(tmp_path, name)), have=(name,))
    assert not found.inputs
    assert name in found.said[0]


@pytest.mark.parametrize("name", ["tokenizer.json", "tokens.bin", "monkey.txt", "keys.npy"])
def test_a_tokenizer_is_no_secret(name: str, tmp_path: Path) -> None:
    found = compared(tmp_path, Lookups(missed=paths(tmp_path, name)), have=(name,))
    assert set(found.inputs) == {name}


def test_a_listed_folder_brings_what_git_does_not_carry_but_caches_and_secrets(
    tmp_path: Path,
) -> None:
    have = ("shards/b.txt", "shards/.env", "shards/__pycache__/a.pyc")
    found = compared(
        tmp_path,
        Lookups(listed=paths(tmp_path, "shards")),
        have=have,
        tracked=("train.py", "shards/a.txt"),
    )
    assert set(found.inputs) == {"shards/b.txt"}


def test_the_top_folder_is_not_taken_for_being_listed_but_said(tmp_path: Path) -> None:
    found = compared(tmp_path, Lookups(listed=paths(tmp_path, "")), have=("notes.txt",))
    assert not found.inputs
    assert "notes.txt" in found.said[0]


def test_variables_of_its_own_code_are_taken_and_secrets_and_libraries_are_named(
    tmp_path: Path,
) -> None:
    environ = {
        "WIDTH": "12", "WANDB_API_KEY": "sesame", "HF_HOME": "/data/hf", "TERM": "xterm",
        "URL": "https://me:sesame@host/",
    }  # fmt: skip
    looked = Lookups(
        variables={"WIDTH": True, "WANDB_API_KEY": True, "URL": True, "TERM": True, "NONE": True}
        | {"HF_HOME": False}
    )
    found = compared(tmp_path, looked, environ=environ)
    assert found.env == {"WIDTH": "12"}
    said = " ".join(found.said)
    assert all(name in said for name in ("WANDB_API_KEY", "URL", "HF_HOME"))
    assert "sesame" not in said
    assert "TERM" not in said


@pytest.mark.parametrize(
    ("name", "value", "telling"),
    [
        ("OPENAI_API_KEY", "x", True),
        ("GITHUB_TOKEN", "x", True),
        ("PGPASSWORD", "x", True),
        ("SESSION", "a8f5f167f44f4964e6c998dee827110c", True),
        ("MAX_TOKENS", "1000", False),
        ("TOKENIZERS_PARALLELISM", "false", False),
        ("N_LAYER", "12", False),
        ("DATA", "/home/me/data/shakespeare", False),
    ],
)
def test_a_variable_that_may_be_a_secret_is_known_by_name_or_value(
    name: str, value: str, telling: bool
) -> None:
    assert is_telling(name, value) is telling


def test_a_module_of_the_users_is_found_beside_the_code(tmp_path: Path) -> None:
    tree = str(tmp_path / "run" / "tree")
    looked = Lookups(
        modules={
            "fast": (True, (tree,)),
            "model.kernels": (True, (f"{tree}/model",)),
            "wandb": (True, (tree,)),
        }
    )
    have = ("fast.py", "model/kernels.cpython-311-x86_64-linux-gnu.so", "wandb/run-1/log.txt")
    found = compared(tmp_path, looked, have=have)
    assert set(found.inputs) == set(have[:2])  # a folder of logs is no module


def test_what_is_left_out_is_neither_taken_nor_said(tmp_path: Path) -> None:
    looked = Lookups(missed=paths(tmp_path, "data/meta.pkl"), variables={"WIDTH": True})
    left = ("data", "WIDTH")
    have = ("data/meta.pkl",)
    found = compared(tmp_path, looked, have=have, environ={"WIDTH": "1"}, leave_out=left)
    assert found == Differences()


def test_private_and_shared_folders_of_the_home_are_not_taken(tmp_path: Path) -> None:
    names = ("~/.cache", "~/.config", "~/.ssh/known_hosts")
    looked = Lookups(missed=paths(tmp_path, *names))
    have = ("~/.cache/x/y", "~/.config/z", "~/.ssh/known_hosts")
    found = compared(tmp_path, looked, have=have)
    assert not found.inputs
    assert ".ssh" in found.said[0]


@pytest.mark.parametrize("own", [True, False])
def test_what_cannot_be_an_input_is_named_and_stops_where_its_own_code_asks(
    tmp_path: Path, own: bool
) -> None:
    looked = Lookups(missed=paths(tmp_path, "vendor", own=own))
    found = compared(tmp_path, looked, have=("vendor/.git/config", "vendor/a.bin"))
    assert not found.inputs
    [sentence] = found.stops if own else found.said
    assert "--leave-out vendor" in sentence
