"""Records what a Python program looks for, from inside its own process, in a recorded run alone.

Copied into a run as `sitecustomize.py`, so it runs in any Python from 3.8 on, and imports nothing
but os and sys. Each line it writes is a kind and a path or name in hexadecimal; the program under
research can write there too, so nobody may believe it: it is advice on what a contract lacks.

    b  a Python began                     l  a folder was listed
    m  a path that is not there           g  a pattern of names was looked for
    x  a path outside the run's folders   e  a variable that is not set
    w  a path that was made or written    i  a module that was not found, and where it was sought

A capital letter stands for a look-up by the repository's own code, a small one for a library's.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

TYPING = False
if TYPING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import Any

MOST = 20_000  # different lines of a process; "c" after them says that there were more
VARIABLE = "AUTORESEARCH_LOOKUPS"  # the file, in a folder of the run's output folder
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/proc", "/sys", "/dev")
_FOLDER = 0o040000
_KIND = 0o170000


class _Recorder:
    """Notes each look-up once, in a file that its processes share."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._stat = os.stat
        run = os.path.dirname(os.path.dirname(os.path.dirname(file)))
        self._tree = os.path.join(run, "tree") + os.sep
        self._library = os.path.dirname(os.__file__) + os.sep
        known = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, run}
        self._inside = tuple(place.rstrip(os.sep) + os.sep for place in (*known, *_SYSTEM))
        self._seen: set[tuple[str, str]] = set()
        self._noting: set[int] = set()  # threads, whose own look-ups are not the program's

    def note(self, kind: str, what: str) -> None:
        """Write a line, the first time; never raise, whatever the program has done."""
        me = get_ident()
        if me in self._noting or (kind, what) in self._seen or len(self._seen) > MOST:
            return
        self._noting.add(me)
        try:
            self._seen.add((kind, what))
            if len(self._seen) > MOST:
                kind, what = "c", ""
            elif self._is_own(sys._getframe(1)):
                kind = kind.upper()
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._file, flags, 0o600)
            try:
                os.write(descriptor, f"{kind} {os.fsencode(what).hex()}\n".encode())
            finally:
                os.close(descriptor)
        except Exception:  # noqa: S110 - at the interpreter's end anything may be gone
            pass
        finally:
            self._noting.discard(me)

    def _is_own(self, frame: FrameType | None) -> bool:
        """Return whether the nearest code outside the standard library is the repository's."""
        while frame is not None:
            name = frame.f_code.co_filename
            if "site-packages" in name or "dist-packages" in name:
                return False
            if name != __file__ and not name.startswith((self._library, "<")):
                return name.startswith(self._tree) or not os.path.isabs(name)
            frame = frame.f_back
        return True

    def _path(self, kind: str, path: Any) -> None:
        """Note a path, made absolute where the program stands now; never raise."""
        try:
            if not isinstance(path, int):
                self.note(kind, os.path.abspath(os.fsdecode("." if path is None else path)))
        except Exception:  # its folder is gone, or the path is none
            return

    def _missed(self, path: Any) -> None:
        self._path("m", path)

    def _found(self, path: Any, mode: int) -> None:
        """Note a file that exists, if it lies outside the run."""
        if isinstance(path, int) or mode & _KIND == _FOLDER:
            return
        if not os.path.abspath(os.fsdecode(path)).startswith(self._inside):
            self._path("x", path)

    def watching(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap os.stat or os.lstat."""

        def look(path: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                found = real(path, *args, **kwargs)
            except OSError:
                if kwargs.get("dir_fd") is None:
                    self._missed(path)
                raise
            self._found(path, found.st_mode)
            return found

        return _in_place_of(real, look)

    def asking(self, real: Callable[..., bool]) -> Callable[..., bool]:
        """Wrap os.access."""

        def look(path: Any, *args: Any, **kwargs: Any) -> bool:
            allowed = real(path, *args, **kwargs)
            if not allowed and kwargs.get("dir_fd") is None:
                self._missed(path)
            return allowed

        return _in_place_of(real, look)

    def hear(self, event: str, args: Sequence[Any]) -> None:
        """Take in an audit event; never raise, since that would end what the program does."""
        try:
            self._hear(event, args)
        except Exception:
            return

    def _hear(self, event: str, args: Sequence[Any]) -> None:
        if event == "open":
            self._opened(args[0], args[2])
        elif event == "sqlite3.connect":
            self._opened(args[0], os.O_RDONLY)
        elif event in ("os.listdir", "os.scandir"):
            if not _within_search(sys._getframe(1)):
                self._path("l", args[0])
        elif event == "os.mkdir":
            self._path("w", args[0])
        elif event in ("os.rename", "os.link", "os.symlink"):
            self._path("w", args[1])
        elif event == "glob.glob":
            self._path("g", args[0])
        elif event == "glob.glob/2" and args[2] is not None:
            self._path("g", os.path.join(os.fsdecode(args[2]), os.fsdecode(args[0])))
        elif event in ("pathlib.Path.glob", "pathlib.Path.rglob"):
            deep = "**" if event.endswith("rglob") else ""
            self._path("g", os.path.join(os.fspath(args[0]), deep, os.fspath(args[1])))

    def _opened(self, path: Any, flags: Any) -> None:
        if path is None or isinstance(path, int) or get_ident() in self._noting:
            return
        if isinstance(flags, int) and flags & _WRITES:
            self._path("w", path)
            return
        try:
            mode = self._stat(path).st_mode
        except (OSError, ValueError):
            self._missed(path)
        else:
            self._found(path, mode)


def _in_place_of(real: Callable[..., Any], look: Callable[..., Any]) -> Callable[..., Any]:
    """Give a wrapper the name of what it wraps, and its place in what os says it supports."""
    look.__name__, look.__qualname__, look.__doc__ = real.__name__, real.__name__, real.__doc__
    for names in ("dir_fd", "fd", "effective_ids", "follow_symlinks"):
        supporting: set[Any] = getattr(os, f"supports_{names}", set())
        if real in supporting:
            supporting.add(look)
    return look


def _within_search(frame: FrameType | None) -> bool:
    """Return whether a folder is listed for an import, or for a pattern that is noted itself."""
    for _ in range(4):
        if frame is None:
            return False
        name, function = frame.f_code.co_filename, frame.f_code.co_name
        if "importlib._bootstrap" in name or "importlib/metadata" in name:
            return True
        if name.endswith(os.sep + "glob.py") or ("pathlib" in name and "select" in function):
            return True
        frame = frame.f_back
    return False


def _begin(recorder: _Recorder) -> None:
    """Put the recorder between the program and what it asks."""
    os.stat = recorder.watching(os.stat)
    os.lstat = recorder.watching(os.lstat)
    os.access = recorder.asking(os.access)
    variables: Any = type(os.environ)
    real_get = variables.__getitem__

    def get(self: Any, key: Any) -> Any:
        try:
            return real_get(self, key)
        except KeyError:
            recorder.note("e", os.fsdecode(key))
            raise

    variables.__getitem__ = get

    class Last:
        """The last finder: what comes here was found by nobody."""

        @staticmethod
        def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> None:
            places = sys.path if path is None else path
            known = [os.path.abspath(place) for place in places if isinstance(place, str)]
            recorder.note("i", "\n".join([name, *known]))

    sys.meta_path.append(Last)
    sys.addaudithook(recorder.hear)
    recorder.note("b", sys.executable or "")


def _import_hidden() -> None:
    """Import the sitecustomize that this one hides, as the interpreter would have."""
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != own]
    this = sys.modules.pop("sitecustomize")
    try:
        __import__("sitecustomize")
    except ImportError:
        pass
    finally:
        sys.modules.setdefault("sitecustomize", this)


if __name__ == "sitecustomize" and os.environ.get(VARIABLE):
    _import_hidden()
    if hasattr(sys, "addaudithook"):
        _begin(_Recorder(os.environ[VARIABLE]))
