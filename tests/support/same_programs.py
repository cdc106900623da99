"""Programs that do other work where a file, a variable or a module is missing, and say nothing.

Each prints one number, which depends on what git does not carry. No number depends on chance.
"""

import os
import pickle
import re
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.repositories import git

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12\n"
)
IDENTITY = ("-c", "user.name=U", "-c", "user.email=u@example.org")


@dataclass(frozen=True)
class Case:
    """A repository, and what its user has beside it."""

    files: Mapping[str, str]
    untracked: Mapping[str, str | bytes] = field(default_factory=dict)
    home: Mapping[str, str] = field(default_factory=dict)  # below the user's home
    env: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("python", "train.py")
    lay: Callable[[Path, Path], None] = lambda _root, _beside: None  # what is made by hand

    def make(self, folder: Path) -> Path:
        """Write and commit it; lay beside it what git does not carry. Home is `folder`/user."""
        root = folder / "trainer"
        write(root, self.files)
        git(root, "init", "-q", "-b", "main")
        git(root, "add", ".")
        git(root, *IDENTITY, "commit", "-qm", "mine")
        self.lay(root, folder)
        write(root, self.untracked)
        write(folder / "user", {"notes.txt": "mine\n", **self.home})
        return root

    def number_of_the_user(self, root: Path) -> float:
        """Run it as its user does, in its own folder."""
        own = root / ".venv" / "bin" / "python"
        python = str(own) if own.exists() else sys.executable
        done = subprocess.run(
            [python if part == "python" else part for part in self.command],
            cwd=root,
            env={
                **os.environ,
                **self.env,
                "HOME": str(root.parent / "user"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            check=True,
            capture_output=True,
            text=True,
        )
        return float(re.findall(r"val loss (\S+)", done.stdout)[-1])


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        (folder / path).write_bytes(data)


TRAINER = Case(
    files={
        "README.md": "Run `python prepare.py` first.\n",
        ".gitignore": "data/*/*.bin\n*.pkl\n",
        "config/chars.py": "dataset = 'chars'\nsteps = 3\n",
        "train.py": """\
import os, pickle, sys
import numpy as np

dataset, steps, rate = "words", 10, 0.5
exec(open(sys.argv[1]).read())
folder = os.path.join("data", dataset)
train = np.memmap(os.path.join(folder, "train.bin"), dtype=np.uint16, mode="r")
val = np.memmap(os.path.join(folder, "val.bin"), dtype=np.uint16, mode="r")
vocab = 503
meta_path = os.path.join(folder, "meta.pkl")
if os.path.exists(meta_path):
    with open(meta_path, "rb") as file:
        vocab = pickle.load(file)["vocab_size"]
logits = np.zeros(vocab)
for _ in range(steps):
    odds = np.exp(logits) / np.exp(logits).sum()
    logits -= rate * (odds - np.bincount(train, minlength=vocab) / len(train))
print(f"val loss {np.log(np.exp(logits).sum()) - logits[val].mean():.4f}")
""",
    },
    untracked={
        "data/chars/train.bin": bytes(0 if n % 2 else n % 19 for n in range(600)),
        "data/chars/val.bin": bytes(0 if n % 2 else n % 19 for n in range(60)),
        "data/chars/meta.pkl": pickle.dumps({"vocab_size": 19}),
    },
    command=("python", "train.py", "config/chars.py"),
)

PROGRAM = "import os\nsize = 1000\n{look}\nprint(f'val loss {{size / 100:.4f}}')\n"


def program(look: str) -> str:
    """A program that prints what it finds."""
    return PROGRAM.format(look=look)


OPTIONAL_FILE = Case(
    files={
        ".gitignore": "*.json\n",
        "train.py": program(
            "import json\nname = os.path.join('conf', 'settings.json')\nif os.path.exists(name):\n"
            "    size = json.load(open(name))['size']"
        ),
    },
    untracked={"conf/settings.json": '{"size": 65}'},
)

MARKER = Case(
    files={
        ".gitignore": "flags/\n",
        "train.py": program("if os.path.isfile('flags/small'):\n    size = 65"),
    },
    untracked={"flags/small": ""},
)

FOLDER = Case(
    files={
        ".gitignore": "shards/b*\n",
        "shards/a.txt": "1\n",
        "train.py": program(
            "size = sum(int(open(f'shards/{name}').read()) for name in os.listdir('shards'))"
        ),
    },
    untracked={"shards/b.txt": "20\n", "shards/b2.txt": "300\n"},
)

GLOB = Case(
    files={
        ".gitignore": "data/\n",
        "train.py": program(
            "from pathlib import Path\n"
            "size = sum(int(path.read_text()) for path in Path('data').glob('*/part-*.txt'))"
        ),
    },
    untracked={
        "data/one/part-1.txt": "7",
        "data/one/part-2.txt": "80",
        "data/one/notes.md": "mine",
    },
)

VARIABLE = Case(
    files={"train.py": program("size = int(os.environ.get('TRAINER_WIDTH', 7))")},
    env={"TRAINER_WIDTH": "65"},
)

CACHE = Case(
    files={
        "train.py": program(
            "cache = os.path.expanduser('~/.cache/trainer/size.txt')\n"
            "if os.path.exists(cache):\n    size = int(open(cache).read())"
        )
    },
    home={".cache/trainer/size.txt": "65", ".cache/other/large.bin": "x"},
)


def install_editable(root: Path, beside: Path) -> None:
    """A virtual environment in which a package of another folder is installed in editable mode."""
    write(beside / "library" / "src", {"extras_of_mine/__init__.py": "SIZE = 65\n"})
    venv.create(root / ".venv", symlinks=True)
    [packages] = (root / ".venv" / "lib").glob("python3*/site-packages")
    (packages / "extras.pth").write_text(f"{beside / 'library' / 'src'}\n")


EDITABLE = Case(
    files={
        ".gitignore": ".venv/\n",
        "train.py": program(
            "try:\n    import extras_of_mine\n    size = extras_of_mine.SIZE\n"
            "except ImportError:\n    pass"
        ),
    },
    lay=install_editable,
)


def add_submodule(root: Path, beside: Path) -> None:
    """A submodule `lib`, checked out; its last commit is the repository's."""
    lib = beside / "lib"
    write(lib, {"table.py": "SIZE = 65\n", "deep/more.txt": "1\n"})
    git(lib, "init", "-q", "-b", "main")
    git(lib, "add", ".")
    git(lib, *IDENTITY, "commit", "-qm", "lib")
    allowed = ("-c", "protocol.file.allow=always")
    git(root, *allowed, "submodule", "add", "-q", str(lib), "lib")
    git(root, *IDENTITY, "commit", "-qm", "with lib")


SUBMODULE = Case(
    files={
        "train.py": program(
            "import sys\nsys.path.insert(0, 'lib')\n"
            "try:\n    import table\n    size = table.SIZE\n"
            "    size += int(open('lib/deep/more.txt').read())\n"
            "except ImportError:\n    pass"
        )
    },
    lay=add_submodule,
)

LARGE_FILE = Case(
    files={
        ".gitattributes": "*.csv filter=lfs -text\n",
        "data/sizes.csv": POINTER,
        "train.py": program("size = len(open('data/sizes.csv').read().split(','))"),
    },
    untracked={"data/sizes.csv": "1,2,3,4,5,6"},
)

BESIDE = Case(
    files={
        "train.py": program(
            "path = os.environ.get('TRAINER_DATA', '')\n"
            "if os.path.exists(path):\n    size = int(open(path).read())"
        )
    },
)

CASES: Mapping[str, Case] = {
    "a trainer's metadata beside its data": TRAINER,
    "an optional file": OPTIONAL_FILE,
    "a file that is looked for and never read": MARKER,
    "a listed folder": FOLDER,
    "a pattern of names": GLOB,
    "an environment variable": VARIABLE,
    "a cache in the home": CACHE,
    "an editable install": EDITABLE,
    "a submodule": SUBMODULE,
    "content of Git LFS": LARGE_FILE,
}
