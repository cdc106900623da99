"""Report what the plain install fetches, in MB, by fetching it.

uv run python scripts/report_download.py
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
MOST_MB = 45.0


def fetch(into: str) -> None:
    """Download the wheels of a plain install of this project with pip."""
    pip = ["uv", "run", "--no-project", "--with", "pip", "python", "-m", "pip"]
    subprocess.run(
        [*pip, "-qq", "download", "--no-cache-dir", "--dest", into, str(ROOT)], check=True
    )


def main() -> int:
    """Print the largest and the sum; exit 1 over the limit."""
    with TemporaryDirectory() as folder:
        fetch(folder)
        sizes = {path.name: path.stat().st_size for path in Path(folder).iterdir()}
    for name in sorted(sizes, key=lambda name: -sizes[name])[:8]:
        print(f"{sizes[name] / 1e6:7.1f} MB  {name}")
    total = sum(sizes.values()) / 1e6
    print(f"download: {len(sizes)} packages, {total:.1f} MB of at most {MOST_MB:.0f} MB")
    return 1 if total > MOST_MB else 0


if __name__ == "__main__":
    sys.exit(main())
