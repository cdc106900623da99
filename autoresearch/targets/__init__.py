"""The targets that ship with the product, each assembled into a repository of its own."""

import json
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
MICROGPT = HERE.parent.parent / "microgpt"

# What lies beside a target's own files in its repository, taken from elsewhere in the product.
_SURNAMES = {
    "tensor.py": MICROGPT / "tensor.py",
    "data/surnames.txt": MICROGPT / "data" / "surnames.txt",
}
BESIDE: dict[str, dict[str, Path]] = {
    "microgpt": _SURNAMES,
    "microgpt-mistuned": _SURNAMES,
    "nanolm": {},
}


def contract_for(name: str, python: str) -> str:
    """A shipped target's contract for an interpreter that has what it needs: no environment."""
    text = (HERE / name / "autoresearch.toml").read_text()
    text = re.sub(r"(?m)^\[environment\]\n(?:[^\[\n].*\n|\n)*", "", text)
    return text.replace("[run]\n", f"[run]\npython = {json.dumps(python)}\n", 1)


def shipped_files(name: str) -> dict[str, Path]:
    """Every file of a shipped target, by its path in the target's repository."""
    folder = HERE / name
    own = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return own | BESIDE[name]
