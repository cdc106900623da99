"""SSH signatures of verdicts, made by git itself; nothing here ever asks for a passphrase.

A lab signs from its first event on, so that removing the key from lab.json contradicts the ledger.
Only a person who compares the fingerprint can tell whose key it is.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import InvalidStateError

ALLOWED = "allowed_signers"
WHO = "autoresearch@localhost"  # as the lab's commits are by
PROGRAM = "ssh-keygen"
OPTIONS = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.program={PROGRAM}")
# A key with a passphrase and no agent is refused; git would otherwise wait for someone to type.
QUIET = {
    "SSH_ASKPASS": shutil.which("false") or "/bin/false",
    "SSH_ASKPASS_REQUIRE": "force",
    "DISPLAY": os.environ.get("DISPLAY") or ":0",  # older ones use SSH_ASKPASS only with it
}
TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that a lab signs with."""

    key: Path  # the private key, or a public one whose private half an agent holds


def load_signer(folder: Path) -> Signer | None:
    """Return the signer of the lab in this folder; None if it does not sign."""
    try:
        settings = json.loads((folder / "lab.json").read_bytes())
        key = settings.get("sign") if isinstance(settings, dict) else None
    except (OSError, ValueError):  # whoever needs the settings says what is wrong with them
        return None
    return Signer(Path(key)) if isinstance(key, str) and key else None


def prepare_signer(key: Path, folder: Path) -> Signer:
    """Check that a key can be used, and write it into `folder` as the allowed one.

    Args:
        key: Path of a private key, or of a public one whose private half an agent holds.
        folder: The lab's folder.

    Raises:
        InvalidStateError: ssh-keygen is missing, or the key can't be used.
    """
    key = key.expanduser().absolute()
    if shutil.which(PROGRAM) is None:
        raise InvalidStateError(
            f"{PROGRAM} is not installed, but signing verdicts needs it.",
            "Install OpenSSH 8.2 or later (`apt install openssh-client`), or open without --sign.",
            reason="no_ssh_keygen",
        )
    if not key.is_file():
        raise InvalidStateError(
            f"There is no key {key}.",
            f"Make one: ssh-keygen -t ed25519 -N '' -f {key}",
            reason="no_key",
        )
    public = _public(key)
    (folder / ALLOWED).write_text(f'{WHO} namespaces="git" {public}\n')
    return Signer(key)


def refusal(key: Path, said: str) -> InvalidStateError:
    """Return the error for a commit that git did not sign, with git's message."""
    return InvalidStateError(
        f"Nothing was written, because it could not be signed with {key}: {said}",
        "A key with a passphrase must be in an ssh-agent that this process can reach "
        f"(`ssh-add {key}`, SSH_AUTH_SOCK); a key that was moved must be moved back.",
        reason="signing_failed",
    )


def _public(key: Path) -> str:
    """Return type and key from a public key, the one beside a private key, or a private key."""
    for file in (key, key.with_name(f"{key.name}.pub")):
        text = file.read_text(errors="replace").split() if file.is_file() else []
        if len(text) >= 2 and text[0].startswith(("ssh-", "ecdsa-", "sk-")):
            return " ".join(text[:2])
    done = subprocess.run(
        [PROGRAM, "-y", "-P", "", "-f", str(key)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, **QUIET},
        timeout=TIMEOUT_S,
        start_new_session=True,
        check=False,
    )
    text = done.stdout.decode(errors="replace").split()
    if done.returncode or len(text) < 2:
        said = " ".join(done.stderr.decode(errors="replace").split()) or "no message"
        raise InvalidStateError(
            f"{key} is not a usable key: {said}",
            "Give an SSH key without a passphrase, or one that is in an ssh-agent with its .pub "
            "file beside it.",
            reason="unusable_key",
        )
    return " ".join(text[:2])
