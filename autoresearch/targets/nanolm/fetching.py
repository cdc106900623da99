"""Downloads a file with progress, goes on where it was cut off, and knows the file by its hash.

Beside FILE lies FILE.sha256 once it is whole. While it is not, there is FILE.part and the server's
tag for it: if the tag has changed, what was fetched belongs to another file and is thrown away.
"""

import hashlib
import os
import re
import sys
import time
import urllib.error
import urllib.request

CHUNK = 1 << 20  # bytes
TIMES = 5  # attempts that bring nothing new, one after the other


class Fetching(Exception):
    """Why a file could not be had."""


def fetch(url, path, pause=2.0, say=print):
    """Return `path`, whole and checked; fetch what is missing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = path.with_name(path.name + ".sha256")
    if path.exists() and known.exists():
        if known.read_text().split()[0] != sha256(path):
            raise Fetching(f"{path} is not what was fetched; remove it, then fetch it again")
        return path
    part = path.with_name(path.name + ".part")
    idle = 0
    while True:
        before = size(part)
        try:
            promised = _fetch_rest(url, part, say)
            break
        except Fetching:
            raise
        except Exception as error:
            idle = 0 if size(part) > before else idle + 1
            if idle >= TIMES:
                raise Fetching(f"{url}: {error}; what was fetched is kept; start again") from error
            say(f"{url}: {error}; continuing at {size(part):,} bytes", file=sys.stderr)
            time.sleep(pause * idle)
    found = sha256(part)
    if promised and promised != found:
        part.unlink()
        raise Fetching(f"{url} came with the hash {found}, not {promised}; fetch it again")
    known.write_text(f"{found}  {path.name}\n")
    os.replace(part, path)
    tag_file(part).unlink(missing_ok=True)
    return path


def _fetch_rest(url, part, say):
    """Fetch from where `part` ends; return the hash that the server promises, if it does."""
    have, tag = size(part), _read(tag_file(part))
    request = urllib.request.Request(url, headers={"User-Agent": "nanolm"})
    if have and tag:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag)
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # there is nothing after what is here: another file, or all of it
            part.unlink()
        elif error.code < 500 and error.code != 429:
            raise Fetching(f"{url}: {error.code} {error.reason}") from error
        raise
    with answer:
        goes_on = answer.status == 206 and _begins_at(answer.headers) == have
        begin = have if goes_on else 0
        left = answer.headers.get("Content-Length")
        whole = begin + int(left) if left else None
        tag_file(part).write_text(answer.headers.get("ETag") or "")
        with open(part, "ab" if goes_on else "wb") as file:
            _copy(answer, file, begin, whole, part.name, say)
        if whole is not None and size(part) < whole:
            raise OSError(f"the connection was cut at {size(part):,} of {whole:,} bytes")
        return _promised(answer.headers)


def _copy(answer, file, done, whole, name, say):
    told = time.monotonic()
    while chunk := answer.read(CHUNK):
        file.write(chunk)
        done += len(chunk)
        if time.monotonic() - told > 1:
            told = time.monotonic()
            of = f" of {whole / 1e6:,.0f}" if whole else ""
            say(f"{name}: {done / 1e6:,.0f}{of} MB", file=sys.stderr)


def _begins_at(headers):
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range") or "")
    return int(found[1]) if found else None


def _promised(headers):
    """Large files on the hub have their SHA-256 as tag."""
    tags = (headers.get(name) or "" for name in ("X-Linked-ETag", "ETag"))
    hashes = (re.fullmatch(r'"?([0-9a-f]{64})"?', tag) for tag in tags)
    return next((found[1] for found in hashes if found), None)


def tag_file(part):
    return part.with_name(part.name + ".tag")


def size(path):
    return path.stat().st_size if path.exists() else 0


def _read(path):
    return path.read_text() if path.exists() else ""


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
