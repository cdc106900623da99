"""Files written whole or not at all: permissions, what is left behind, what is on the disk."""

import errno
import os
import stat

import pytest

from autoresearch.common.files import PRIVATE, create_file, replace_file, sync_folder


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def synced(monkeypatch):
    """What was synced, in order: files by their size, folders by their name."""
    seen, real = [], os.fsync

    def fsync(handle):
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        seen.append("folder" if is_folder else os.fstat(handle).st_size)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "a"
    for content in (b"long enough", b"x"):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("options", "order"), [
    ({}, [3]),
    ({"durable": False}, []),
    ({"ordered": True}, [3, "folder"]),
])  # fmt: skip
def test_the_content_is_on_the_disk_before_the_name(tmp_path, synced, options, order):
    replace_file(tmp_path / "a", b"abc", **options)
    assert synced == order


def test_permissions_are_those_asked_for_or_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    for name, mode in (("a", None), ("b", PRIVATE), ("c", 0o666)):
        (tmp_path / name).touch(0o640)
        replace_file(tmp_path / name, b"", mode=mode)
    assert permissions(tmp_path / "a") == permissions(tmp_path / "plain")
    assert permissions(tmp_path / "b") == 0o600
    assert permissions(tmp_path / "c") == 0o666


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_dead_process_left_is_no_hindrance_and_a_link_is_not_followed(tmp_path):
    path, other = tmp_path / "a", tmp_path / "other"
    other.write_bytes(b"theirs")
    (tmp_path / f".a.{os.getpid()}.new").symlink_to(other)
    replace_file(path, b"new")
    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"theirs")
    assert not path.is_symlink()


def test_a_new_file_never_replaces_one(tmp_path):
    create_file(tmp_path / "a", b"1", mode=PRIVATE)
    assert permissions(tmp_path / "a") == 0o600
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"1"


@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_folders_is_borne_a_broken_disk_is_not(
    tmp_path, monkeypatch, number, raised
):
    def fsync(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    if raised:
        with pytest.raises(OSError, match=os.strerror(number)):
            sync_folder(tmp_path)
    else:
        sync_folder(tmp_path)
