"""The parts of the system that a child sees, so that it finds no more words there than it must.

A dictionary, a manual or the test data of a language holds thousands of words, and a held-out
document may be one of them. So of /usr a child is shown programs, libraries and headers, and of
/usr/share only what an interpreter and its packages look up. Programs without held-out data are
shown all of it: a build, Perl or Node may need any part.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

_USR, _LOCAL, _SHARE = Path("/usr"), Path("/usr/local"), Path("/usr/share")
_NOT_SHOWN = frozenset(
    ("share", "local", "src", "games", "man", "doc", "info", "dict", "tmp", "lost+found")
)
_SHARED = (  # of /usr/share: time zones, terminals, certificates, fonts, what drivers and gcc read
    *("zoneinfo", "zoneinfo-icu", "terminfo", "ca-certificates", "pki", "ssl", "crypto-policies"),
    *("fonts", "fontconfig", "gcc", "nvidia", "glvnd", "libdrm", "vulkan", "python3"),
    *("python-wheels", "pyshared"),
)
_WORDY = (  # below any prefix
    *(f"share/{name}" for name in ("dict", "doc", "man", "info", "locale", "games", "gtk-doc")),
    *(f"share/{name}" for name in ("hunspell", "myspell", "aspell", "perl", "perl5", "nltk_data")),
    *(f"lib/{name}" for name in ("aspell", "ispell", "locale-langpack", "perl", "perl5")),
    *(f"lib/python3*/{name}" for name in ("test", "pydoc_data", "idlelib", "unittest/test")),
    *(f"lib/python3*/{name}" for name in ("lib2to3/tests", "ctypes/test", "sqlite3/test")),
    "lib/python3*/tkinter/test",
)


@cache
def system_places(*, whole: bool) -> tuple[Path, ...]:
    """Return the parts of /usr that are shown."""
    if whole:
        return (_USR,)
    shared = (_SHARE / name for name in _SHARED)
    places = (*_children(_USR), *_children(_LOCAL), *(path for path in shared if path.exists()))
    return tuple(sorted(places))


@cache
def wordy_folders(prefixes: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the folders full of words below an interpreter's folders and the system's."""
    found = (
        path
        for prefix in (_USR, _LOCAL, *prefixes)
        for pattern in _WORDY
        for path in prefix.glob(pattern)
    )
    return tuple(dict.fromkeys(path for path in found if path.is_dir() and not path.is_symlink()))


def _children(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.name not in _NOT_SHOWN)
