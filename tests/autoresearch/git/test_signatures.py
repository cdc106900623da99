"""Verdicts signed with an SSH key, by real git and real keys that last for one test."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch.git.signatures import ALLOWED
from autoresearch.lab import Lab
from autoresearch.ledger.ledger import LEDGER_REF
from autoresearch.setup.lab_creation import open_signed
from autoresearch.system.home import lab_names
from tests.autoresearch.ledger.test_rewritten_history import also_the_anchor, rewrite
from tests.support.instant import InstantExecutor, make_judged_lab, with_executor
from tests.support.refusals import raises
from tests.support.repositories import make_repository

if shutil.which("ssh-keygen") is None:
    pytest.skip("signing needs ssh-keygen, which is not installed", allow_module_level=True)


def make_key(folder: Path, name: str = "key", passphrase: str = "") -> Path:
    key = folder / name
    made = ("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", str(key))
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
    return key


def open_with(key: Path, folder: Path) -> Lab:
    repository = make_repository(folder / "repository")
    open_signed(str(repository), folder / "home", key)
    return Lab.reopen("tiny", home=folder / "home")


def findings(lab: Lab) -> str:
    return "\n".join(Lab.reopen(lab.name, home=lab.home).verify().findings)


@pytest.mark.slow
def test_verdicts_are_signed_and_git_itself_says_so(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    lab = make_judged_lab(tmp_path / "repository", tmp_path / "home", key)
    found = lab.verify()
    assert (found.findings, found.signed, found.verdicts) == ((), 2, 2)
    assert found.signer.startswith("SHA256:")
    allowed = f"gpg.ssh.allowedSignersFile={lab.folder / ALLOWED}"
    said = lab.repository.git.run(
        *("-c", allowed, "log", "--first-parent", "--format=%G? %s", LEDGER_REF)
    )
    signed = [line for line in said.decode().splitlines() if not line.startswith("N ")]
    assert [line.split()[::2] for line in signed] == [
        *(["G", "judged"], ["G", "judged"], ["G", "lab_opened"])
    ]
    unsign_a_verdict(lab)
    put_another_key_in_its_place(lab, make_key(tmp_path, "other"))


def unsign_a_verdict(lab: Lab) -> None:
    """The same events in commits that carry no signature, the anchor and all."""
    head, anchor = lab.history().head, (lab.folder / "ledger-head.json").read_text()
    rewrite(lab, lambda _, entries: [*entries[:-8], *(replace(e) for e in entries[-8:])])
    also_the_anchor(lab)
    assert "the verdict on e2" in findings(lab)
    assert "is not signed, but in this lab it must be" in findings(lab)
    lab.repository.move_refs({LEDGER_REF: (head, lab.repository.resolve(LEDGER_REF))})
    (lab.folder / "ledger-head.json").write_text(anchor)
    assert findings(lab) == ""


def put_another_key_in_its_place(lab: Lab, other: Path) -> None:
    public = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    (lab.folder / ALLOWED).write_text(f"someone {public}\n")
    assert "The signature of the first event is not good" in findings(lab)
    assert "The signature of the verdict on e1" in findings(lab)


@pytest.mark.slow
def test_a_lab_whose_key_was_taken_out_of_its_settings_is_found(tmp_path: Path) -> None:
    lab = open_with(make_key(tmp_path), tmp_path)
    assert findings(lab) == ""
    settings = json.loads((lab.folder / "lab.json").read_text())
    del settings["sign"]
    (lab.folder / "lab.json").write_text(json.dumps(settings))
    assert "The first event is signed, but the lab's settings name no key" in findings(lab)


@pytest.mark.slow
def test_a_key_that_is_named_later_does_not_make_an_unsigned_lab_a_signed_one(
    judged_lab: Lab,
) -> None:
    settings = json.loads((judged_lab.folder / "lab.json").read_text())
    (judged_lab.folder / "lab.json").write_text(json.dumps({**settings, "sign": "/key"}))
    assert "name a key, but the first event is not signed" in findings(judged_lab)


def test_a_missing_key_and_a_file_that_is_none_are_refused_and_leave_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "words").write_text("not a key\n")
    repository = str(make_repository(tmp_path / "repository"))
    for name, reason in (("none", "no_key"), ("words", "unusable_key")):
        key = tmp_path / name
        with raises(f"invalid_state.{reason}", str(key)):
            open_signed(repository, tmp_path / "home", key)
    assert list(lab_names(tmp_path / "home")) == []
    assert [p.name for p in (tmp_path / "home" / "labs").iterdir()] == [".lock"]


@pytest.mark.slow
@pytest.mark.parametrize("public", [True, False], ids=["with its .pub file", "alone"])
def test_a_passphrase_that_nobody_can_type_is_said_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, public: bool
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = make_key(tmp_path, passphrase="secret")
    if not public:
        key.with_suffix(".pub").unlink()
    repository = str(make_repository(tmp_path / "repository"))
    reason = "signing_failed" if public else "unusable_key"
    with raises(f"invalid_state.{reason}", "passphrase", "ssh-agent"):
        open_signed(repository, tmp_path / "home", key)
    assert list(lab_names(tmp_path / "home")) == []


def test_without_ssh_keygen_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(tmp_path)
    repository = str(make_repository(tmp_path / "repository"))
    tools = tmp_path / "bin"
    tools.mkdir()
    git = shutil.which("git")
    assert git is not None
    (tools / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(tools))
    with raises("invalid_state.no_ssh_keygen", "ssh-keygen"):
        open_signed(repository, tmp_path / "home", key)
    assert list(lab_names(tmp_path / "home")) == []


@pytest.mark.slow
def test_a_lab_that_is_there_keeps_what_it_was_opened_with(tmp_path: Path, judged_lab: Lab) -> None:
    key = make_key(tmp_path)
    with raises("invalid_state.lab_exists", "tiny"):
        open_signed("tiny", judged_lab.home, key)
    lab = open_with(key, tmp_path)
    open_signed("tiny", lab.home, key)
    with raises("invalid_state.lab_exists", "tiny"):
        open_signed("tiny", lab.home, tmp_path / "other")


@pytest.mark.long
def test_a_key_that_is_gone_costs_a_verdict_and_nothing_else(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    lab = make_judged_lab(tmp_path / "repository", tmp_path / "home", key)
    hidden = key.rename(tmp_path / "hidden")
    lab = with_executor(Lab.reopen("tiny", home=lab.home), InstantExecutor())
    with raises("invalid_state.signing_failed"):
        for _ in range(20):
            lab.evaluate("e3")
    assert "e3" not in lab.history().verdicts
    assert findings(lab) == ""
    hidden.rename(key)
    while lab.evaluate("e3").verdict is None:
        pass
    assert lab.verify().signed == 3
