"""Settings of a lab, lab.json: its source, and the secret that chooses the held-out part."""

import json
import secrets
from dataclasses import dataclass
from hashlib import sha256 as _sha256
from pathlib import Path

from autoresearch.common.files import PRIVATE, create_file
from autoresearch.errors import LedgerDamagedError
from autoresearch.git.signatures import Signer
from autoresearch.setup.origin import Origin

UNPROVED = "init-goes-on"  # in a lab's folder until its baseline is measured; held by `init`


@dataclass(frozen=True)
class Settings:
    """The content of lab.json."""

    source: str
    split_seed: int
    split_salt: str = ""  # hides the seed in its commitment; "" in older labs
    sign: str = ""  # the SSH key that verdicts are signed with

    @property
    def origin(self) -> Origin:
        """Origin of the lab's code, parsed from `source`."""
        return Origin.parse(self.source)


def commitment(salt: str, split_seed: int) -> str:
    """Return the commitment to the secret split: with the secret it can be checked."""
    return _sha256(f"{salt}:{split_seed}".encode()).hexdigest()


def read_settings(folder: Path) -> dict[str, str]:
    """Return the content of a lab folder's lab.json; raise LedgerDamagedError if unreadable."""
    path = folder / "lab.json"
    try:
        settings: dict[str, str] = json.loads(path.read_bytes())
        if not isinstance(settings.get("source"), str):
            raise ValueError("it does not name a source")
    except (ValueError, AttributeError) as error:
        raise LedgerDamagedError(
            f"{path} can't be read: {error}.",
            "Restore it from a copy.",
            reason="settings_unreadable",
        ) from error
    return settings


def write_settings(folder: Path, origin: Origin, signer: Signer | None) -> str:
    """Draw the secret that chooses the held-out part; return the commitment to it."""
    salt, seed = secrets.token_hex(32), secrets.randbelow(2**62)
    settings = {"source": str(origin), "split_seed": seed, "split_salt": salt}
    if signer is not None:
        settings["sign"] = str(signer.key)
    create_file(folder / "lab.json", json.dumps(settings).encode(), mode=PRIVATE)
    return commitment(salt, seed)
