"""Files that are written whole or not at all, and texts that a person wrote."""

import codecs
import errno
import os
import stat
from pathlib import Path

PRIVATE = 0o600  # for its owner alone
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotUtf8Error(ValueError):
    """A file is not text in UTF-8; its words say what it is and what to do."""


def person_text(content: bytes) -> str:
    """Decode a file that a person wrote: UTF-8, with or without the mark that some editors add.

    Raises NotUtf8Error whose words end a sentence that begins with the file's name: "is UTF-16 …".
    """
    if content.startswith(_UTF_16):
        raise NotUtf8Error("is UTF-16; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise NotUtf8Error(f"is not UTF-8 (line {line}); save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def as_text(content: bytes) -> str:
    """Decode a file to look into it, whatever it is; what is no text becomes question marks."""
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    return content.decode(encoding, errors="replace")


def create_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a new file, also against a loss of power.

    Raises FileExistsError where there is one, or a link.
    """
    _create(path, content, mode, durable=True)


def replace_file(
    path: Path,
    content: bytes,
    *,
    mode: int | None = None,
    durable: bool = True,
    ordered: bool = False,
) -> None:
    """Write a file beside `path` and rename it: a reader sees the old content or the new.

    Args:
        path: The file; its folder exists.
        content: All of it.
        mode: Its permissions; None for those that `open` gives.
        durable: Whether the content is on the disk before the rename.
        ordered: Whether the rename is on the disk before this returns. Needed where something
            written later, elsewhere, counts on it.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)  # of a process of that number, which died while it wrote
    try:
        _create(new, content, mode, durable=durable)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    if ordered:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put on the disk which files a folder has."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that can't
            raise
    finally:
        os.close(handle)


def _create(path: Path, content: bytes, mode: int | None, *, durable: bool) -> None:
    first = 0o666 if mode is None else PRIVATE
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, first)
    with os.fdopen(handle, "wb") as file:
        if mode is not None:
            os.fchmod(handle, stat.S_IMODE(mode))
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
