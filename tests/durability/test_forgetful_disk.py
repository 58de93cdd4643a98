"""The disk that forgets: what it keeps over a power cut, and what it does not."""

import errno
import random

import pytest

from tests.durability.forgetful_disk import File, ForgetfulDisk


def made(disk: ForgetfulDisk, path: str, data: bytes) -> File:
    """A file that was written and synced."""
    file = disk.create(path, 0o600)
    disk.write(file, data, 0)
    disk.fsync(file)
    return file


def test_what_was_synced_stays_and_the_rest_goes() -> None:
    disk = ForgetfulDisk()
    file = made(disk, "/a", b"synced")
    disk.write(file, b" and not", 6)
    disk.write(file, b"S", 0)
    assert file.data == b"Synced and not"
    lost = disk.cut()
    assert disk.file("/a").data == b"synced"
    assert (lost.bytes, lost.writes, lost.names) == (9, 2, 0)
    assert disk.cut().writes == 0, "what survived one cut is durable"


@pytest.mark.parametrize("size", [0, 3, 9])
def test_a_truncation_is_undone_too(size: int) -> None:
    disk = ForgetfulDisk()
    file = made(disk, "/a", b"synced")
    disk.truncate(file, size)
    disk.write(file, b"new", 0)
    disk.write(file, b"far", 20)
    disk.cut()
    assert disk.file("/a").data == b"synced"


def test_a_sync_of_one_file_saves_no_bytes_of_another() -> None:
    disk = ForgetfulDisk()
    other = disk.create("/other", 0o600)
    disk.write(other, b"x", 0)
    made(disk, "/a", b"y")
    disk.cut()
    assert disk.file("/other").data == b"", "its name was committed, its bytes were not"


def test_a_name_goes_unless_something_was_synced_after_it() -> None:
    disk = ForgetfulDisk()
    disk.make_folder("/old", 0o700)
    made(disk, "/old/a", b"a")
    disk.rename("/old/a", "/old/b")
    disk.make_folder("/new", 0o700)
    disk.rename("/old/b", "/new/c")
    disk.remove("/old")
    disk.create("/d", 0o600)
    assert disk.cut().names == 5
    assert disk.file("/old/a").data == b"a"
    for path in ("/new", "/d"):
        with pytest.raises(FileNotFoundError):
            disk.find(path)
    disk.rename("/old/a", "/b")
    disk.fsync(disk.root)
    disk.cut()
    assert disk.file("/b").data == b"a"


def test_what_a_rename_replaced_comes_back() -> None:
    disk = ForgetfulDisk()
    made(disk, "/a", b"old")
    new = made(disk, "/a.new", b"new")
    disk.rename("/a.new", "/a")
    assert disk.file("/a") is new
    disk.cut()
    assert disk.file("/a").data == b"old"
    assert disk.file("/a.new").data == b"new"


def test_a_sync_of_an_unchanged_file_commits_no_name() -> None:
    disk = ForgetfulDisk()
    old = made(disk, "/old", b"x")
    disk.create("/new", 0o600)
    disk.fsync(old)
    disk.cut()
    with pytest.raises(FileNotFoundError):
        disk.find("/new")


def test_a_sync_that_fails_saves_nothing() -> None:
    disk = ForgetfulDisk()
    file = made(disk, "/a", b"synced")
    disk.write(file, b"not", 6)
    disk.bad_fsyncs = 1
    with pytest.raises(OSError, match="failed"):
        disk.fsync(file)
    disk.cut()
    assert disk.file("/a").data == b"synced"
    disk.write(file, b"too", 6)
    disk.fsync(file)
    disk.cut()
    assert disk.file("/a").data == b"syncedtoo"


def test_a_full_disk_refuses_to_grow_and_goes_on_when_there_is_room() -> None:
    disk = ForgetfulDisk()
    disk.room = 10
    file = made(disk, "/a", bytes(8))
    with pytest.raises(OSError) as full:
        disk.write(file, bytes(4), 8)
    assert full.value.errno == errno.ENOSPC
    assert len(file.data) == 8
    disk.write(file, b"12345678", 0)
    disk.truncate(file, 2)
    disk.write(file, bytes(8), 2)
    assert disk.used == 10


def test_in_a_partial_cut_anything_may_survive_but_what_was_synced_does() -> None:
    outcomes = set()
    for seed in range(200):
        disk = ForgetfulDisk()
        file = made(disk, "/a", b"s" * 100)
        disk.write(file, b"1" * 1000, 100)
        disk.write(file, b"2" * 1000, 1100)
        disk.create("/b", 0o600)
        disk.create("/c", 0o600)
        disk.cut(random.Random(seed))
        data = bytes(disk.file("/a").data)
        assert data[:100] == b"s" * 100
        assert set(data[100:1100]) <= set(b"1\0")
        assert set(data[1100:]) <= set(b"2")
        outcomes.add((len(data), data.count(b"1"), data.count(b"2"), *sorted(disk.root.entries)))
        assert "/c" not in disk.root.entries or "/b" in disk.root.entries, "the journal is in order"
    counts = {(ones, twos) for _, ones, twos, *_ in outcomes}
    assert {(0, 0), (1000, 0), (0, 1000), (1000, 1000), (512, 0), (1000, 512)} <= counts
    assert {len(outcome) for outcome in outcomes} == {4, 5, 6}, "the journal survives up to any entry"


def test_the_same_seed_loses_the_same() -> None:
    def survivors() -> bytes:
        disk = ForgetfulDisk()
        file = made(disk, "/a", b"x")
        for offset in range(0, 100_000, 1000):
            disk.write(file, b"y" * 1000, offset)
        disk.cut(random.Random("1/2"))
        return bytes(file.data)

    assert survivors() == survivors()


def test_errors_are_those_of_the_system() -> None:
    disk = ForgetfulDisk()
    disk.make_folder("/d", 0o700)
    made(disk, "/d/a", b"x")
    for act, number in (
        (lambda: disk.find("/no"), errno.ENOENT),
        (lambda: disk.find("/d/a/x"), errno.ENOTDIR),
        (lambda: disk.file("/d"), errno.EISDIR),
        (lambda: disk.folder("/d/a"), errno.ENOTDIR),
        (lambda: disk.create("/d/a", 0o600), errno.EEXIST),
        (lambda: disk.make_folder("/d", 0o700), errno.EEXIST),
        (lambda: disk.remove("/d"), errno.ENOTEMPTY),
        (lambda: disk.rename("/d/a", "/no/a"), errno.ENOENT),
    ):
        with pytest.raises(OSError) as error:
            act()
        assert error.value.errno == number
