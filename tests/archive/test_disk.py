"""The disk store loses nothing it promised: killed or without power at any call, with its index cut or flipped
anywhere, with a full disk, with strangers' files in its folder, with several readers and writers."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from archive.bundle import pack
from archive.data_item import DataItem, sign_item
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import Ed25519Key, b64
from archive.stores import bundle_files, disk, index_file
from archive.stores.disk import DiskStore
from tests.archive.faulty_os import BROKEN_DISK, FULL_DISK, FaultyOs, Killed

KEY = Ed25519Key(b"\5" * 32)
ITEMS = [sign_item(KEY, b"item %d" % number, [("n", str(number)), ("all", "yes")]) for number in range(8)]
IDS = [b64(item.id) for item in ITEMS]
MODULES = (bundle_files, disk, index_file)
REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def running_on(faulty: FaultyOs) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(module, "os", faulty)
        yield


def write_some(folder: Path, promised: list[DataItem]) -> None:
    """Puts items one by one and in a bundle, from two store objects, and notes each once it is promised."""
    first, second = DiskStore(folder), DiskStore(folder)
    for store, item in ((first, ITEMS[0]), (second, ITEMS[1]), (first, ITEMS[2])):
        store.put(item.raw)
        promised.append(item)
    second.put_bundle(pack(ITEMS[3:6]))
    promised.extend(ITEMS[3:6])
    first.put(ITEMS[6].raw)
    promised.append(ITEMS[6])


def check_nothing_is_lost(folder: Path, promised: list[DataItem]) -> None:
    """A new reader has all that was promised and nothing that is not whole; a new writer makes everything sound."""
    reader = DiskStore(folder)
    found = list(reader.ids())
    assert {b64(item.id) for item in promised} <= set(found) <= set(IDS)
    for item in ITEMS:
        if b64(item.id) in found:
            assert reader.get(b64(item.id)) == item.raw
    writer = DiskStore(folder)
    assert writer.put(ITEMS[0].raw) == IDS[0]
    assert writer.put_bundle(pack(ITEMS)) == IDS
    assert writer.check() == []
    assert sorted(writer.query({"all": "yes"})) == sorted(reader.query({"all": "yes"})) == sorted(IDS)
    assert os.listdir(folder / "incoming") == []


def calls_of_a_clean_run(tmp_path: Path) -> list[str]:
    faulty = FaultyOs()
    with running_on(faulty):
        write_some(tmp_path / "clean", [])
    return faulty.calls


CUTS = {
    "killed": None,
    "power": {"names": True, "data": True},
    "power, names kept": {"names": False, "data": True},
    "power, data kept": {"names": True, "data": False},
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_crash_at_any_call_loses_nothing_promised(tmp_path: Path, cut: str) -> None:
    calls = calls_of_a_clean_run(tmp_path)
    assert {"open", "write", "fsync", "rename", "mkdir"} <= set(calls)
    for fail_at in range(1, len(calls) + 1):
        folder = tmp_path / str(fail_at) / "deep" / "store"
        folder.parent.parent.mkdir()
        faulty, promised = FaultyOs(fail_at), list[DataItem]()
        with running_on(faulty), pytest.raises(Killed):
            write_some(folder, promised)
        assert len(promised) < 7
        if (lost := CUTS[cut]) is not None:
            faulty.lose_power(folder.parent.parent, **lost)
        check_nothing_is_lost(folder, promised)
        shutil.rmtree(tmp_path / str(fail_at))


def test_what_a_killed_process_left_behind_is_made_durable_before_it_is_promised(tmp_path: Path) -> None:
    """Killed between renaming a bundle and syncing its folder; the next process finds it there; then the power goes."""
    for fail_at in range(1, len(calls_of_a_clean_run(tmp_path)) + 1):
        folder = tmp_path / str(fail_at) / "store"
        folder.parent.mkdir()
        faulty = FaultyOs(fail_at)
        with running_on(faulty):
            with pytest.raises(Killed):
                write_some(folder, [])
            faulty.revive()
            write_some(folder, [])
        faulty.lose_power(folder.parent)
        check_nothing_is_lost(folder, ITEMS[:7])
        shutil.rmtree(folder.parent)


@pytest.mark.parametrize("cut", CUTS)
def test_a_promise_kept_survives_a_power_cut_right_after(tmp_path: Path, cut: str) -> None:
    faulty, promised = FaultyOs(), list[DataItem]()
    with running_on(faulty):
        write_some(tmp_path / "store", promised)
    if (lost := CUTS[cut]) is not None:
        faulty.lose_power(tmp_path, **lost)
    check_nothing_is_lost(tmp_path / "store", promised)


def test_the_power_cut_of_these_tests_is_one(tmp_path: Path) -> None:
    """Without any fsync the same cut takes everything."""
    faulty, promised = FaultyOs(), list[DataItem]()
    with running_on(faulty), pytest.MonkeyPatch.context() as patch:
        patch.setattr(FaultyOs, "_fsync", lambda *_: None)
        write_some(tmp_path / "store", promised)
    faulty.lose_power(tmp_path)
    assert len(promised) == 7
    assert list(DiskStore(tmp_path / "store").ids()) == []


@pytest.mark.parametrize("fault", [FULL_DISK, BROKEN_DISK])
def test_an_error_at_any_call_is_told_and_can_be_tried_again(tmp_path: Path, fault: int) -> None:
    """The process lives on and tries again, then the power goes: what was promised in spite of it all is there."""
    times_told = 0
    for fail_at in range(1, len(calls_of_a_clean_run(tmp_path)) + 1):
        folder = tmp_path / str(fail_at) / "store"
        folder.parent.mkdir()
        faulty, promised, told = FaultyOs(fail_at, fault), list[DataItem](), list[ArchiveError]()
        with running_on(faulty):
            first = DiskStore(folder)
            for item in ITEMS[:4]:
                for _ in range(2):
                    try:
                        first.put(item.raw)
                    except ArchiveError as error:
                        told.append(error)
                    else:
                        promised.append(item)
                        break
        assert len(promised) == 4
        expected = "no room for a bundle of " if fault == FULL_DISK else "the store cannot be written: "
        assert all(error.reason.startswith((expected, "the store cannot be read: ")) for error in told)
        times_told += len(told)
        faulty.lose_power(folder.parent)
        check_nothing_is_lost(folder, promised)
        shutil.rmtree(folder.parent)
    assert times_told > 40


def test_a_full_disk_says_how_much_is_needed(tmp_path: Path) -> None:
    """A real limit of the system (RLIMIT_FSIZE): a file may not grow beyond it, as on a full disk or with a quota."""
    child = """
import resource, signal, sys
from archive.data_item import sign_item
from archive.errors import ArchiveError
from archive.keys import Ed25519Key
from archive.stores.disk import DiskStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store, key = DiskStore(sys.argv[1]), Ed25519Key(bytes(32))
print(store.put(sign_item(key, b"small", []).raw))
try:
    store.put(sign_item(key, bytes(300_000), []).raw)
except ArchiveError as error:
    print(error.reason)
"""
    run = child_process(child, tmp_path / "store")
    output, _ = run.communicate(timeout=60)
    item_id, reason = output.splitlines()
    assert reason.startswith("no room for a bundle of 300212 bytes (")
    store = DiskStore(tmp_path / "store")
    assert list(store.ids()) == [item_id]
    assert (store.check(), os.listdir(tmp_path / "store" / "incoming")) == ([], [])


def filled(folder: Path) -> DiskStore:
    store = DiskStore(folder)
    for item in ITEMS[:2]:
        store.put(item.raw)
    store.put_bundle(pack(ITEMS[2:4]))
    for age, path in enumerate(sorted((folder / "bundles").rglob("?" * 43), key=lambda path: path.stat().st_size)):
        os.utime(path, (1_700_000_000 + age, 1_700_000_000 + age))
    return store


def test_an_index_cut_anywhere_is_healed(tmp_path: Path) -> None:
    filled(tmp_path / "store")
    index = tmp_path / "store" / "index"
    whole = index.read_bytes()
    for size in range(len(whole)):
        index.write_bytes(whole[:size])
        reader = DiskStore(tmp_path / "store")
        assert set(reader.ids()) == set(IDS[:4]), size
        if size % 5:
            continue
        writer = DiskStore(tmp_path / "store")
        writer.put(ITEMS[4].raw)
        assert set(reader.ids()) == set(IDS[:5]), size
        assert writer.check() == []
        shutil.rmtree(bundle_path(tmp_path / "store", pack([ITEMS[4]])).parent)


def test_an_index_with_any_byte_changed_is_healed(tmp_path: Path) -> None:
    filled(tmp_path / "store")
    index = tmp_path / "store" / "index"
    whole = index.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        index.write_bytes(changed)
        reader = DiskStore(tmp_path / "store")
        assert set(reader.ids()) == set(IDS[:4]), position
        assert all(reader.get(b64(item.id)) == item.raw for item in ITEMS[:4])
    writer = DiskStore(tmp_path / "store")
    writer.put(ITEMS[4].raw)
    assert writer.check() == []


def test_an_index_whose_end_is_zeros_is_healed(tmp_path: Path) -> None:
    """What a power cut leaves of an append whose length, but not its bytes, had reached the disk."""
    filled(tmp_path / "store")
    index = tmp_path / "store" / "index"
    whole = index.read_bytes()
    index.write_bytes(whole[:-100] + bytes(100))
    reader = DiskStore(tmp_path / "store")
    assert set(reader.ids()) == set(IDS[:4])
    DiskStore(tmp_path / "store").put(ITEMS[4].raw)
    assert set(reader.ids()) == set(IDS[:5])
    assert b"\0" not in index.read_bytes()


def test_without_index_the_order_is_that_of_the_files(tmp_path: Path) -> None:
    filled(tmp_path / "store")
    (tmp_path / "store" / "index").unlink()
    reader = DiskStore(tmp_path / "store")
    assert [str(problem) for problem in reader.problems] == []
    assert list(reader.ids())[:2] == IDS[2:4][::-1]
    assert [problem.reason for problem in reader.problems] == ["the index is missing"]


def bundle_path(folder: Path, bundle: bytes) -> Path:
    name = b64(sha256(bundle).digest())
    return folder / "bundles" / name[0] / name[1] / name


def test_bundles_lie_under_the_hash_of_their_bytes(tmp_path: Path) -> None:
    filled(tmp_path / "store")
    for bundle in (pack([ITEMS[0]]), pack([ITEMS[1]]), pack(ITEMS[2:4])):
        assert bundle_path(tmp_path / "store", bundle).read_bytes() == bundle


def test_a_bundle_with_any_byte_changed_is_not_served(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    path = bundle_path(tmp_path / "store", pack([ITEMS[0]]))
    whole = path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        if position >= 96:  # before that lies the bundle's header, which the index stands in for
            with pytest.raises(Damaged):
                store.get(IDS[0])
        assert [type(problem) for problem in store.check()] == [Damaged]


def test_a_damaged_bundle_is_moved_aside_when_put_again(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    path = bundle_path(tmp_path / "store", pack([ITEMS[0]]))
    for torn in (b"", path.read_bytes()[:-1], b"x" * 300):
        path.write_bytes(torn)
        with pytest.raises(Damaged):
            store.confirm(IDS[0])
        assert store.put(ITEMS[0].raw) == IDS[0]
        assert store.get(IDS[0]) == ITEMS[0].raw
        assert store.check() == []
    assert len(os.listdir(tmp_path / "store" / "damaged")) == 3


def test_a_bundle_that_is_gone_is_missing_until_put_again(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    bundle_path(tmp_path / "store", pack([ITEMS[0]])).unlink()
    with pytest.raises(Missing, match="the file of this bundle is gone"):
        store.get(IDS[0])
    assert [str(problem)[44:] for problem in store.check()] == [" indexed, but the file is gone"]
    assert store.put(ITEMS[0].raw) == IDS[0]
    assert store.check() == []


def test_an_item_in_two_bundles_survives_the_loss_of_one(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    store.put_bundle(pack([ITEMS[0], ITEMS[5]]))
    bundle_path(tmp_path / "store", pack([ITEMS[0]])).write_bytes(b"torn")
    assert store.get(IDS[0]) == DiskStore(tmp_path / "store").get(IDS[0]) == ITEMS[0].raw


def test_foreign_files_are_reported_and_not_served(tmp_path: Path) -> None:
    filled(tmp_path / "store")
    bundles = tmp_path / "store" / "bundles"
    stranger = pack([sign_item(Ed25519Key(bytes(32)), b"stranger", [])])
    forged = pack([ITEMS[6]])[:-1] + b"x"
    for path, content in (
        (bundles / "note.txt", b"hello"),
        (bundles / "A" / "note.txt", b"hello"),
        (bundles / "A" / "B" / "note.txt", b"hello"),
        (bundles / "A" / "B" / ("AB" + "C" * 41), b"not the hash of this"),
        (bundles / "A" / "B" / ("AC" + "C" * 41), b"in the wrong folder"),
        (bundles / "A" / "B" / ("AB" + "C" * 41 + "\n"), b"a newline after the name"),
        (bundle_path(tmp_path / "store", forged), forged),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "outside").write_bytes(stranger)
    link = bundle_path(tmp_path / "store", stranger)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "outside")
    os.mkfifo(bundles / "A" / "B" / ("AB" + "D" * 41))
    reader = DiskStore(tmp_path / "store")
    assert set(reader.ids()) == set(IDS[:4])
    assert len(reader.problems) == 9
    assert all(isinstance(problem, ArchiveError) and "\n" not in str(problem) for problem in reader.problems)
    DiskStore(tmp_path / "store").put(ITEMS[6].raw)
    assert set(reader.ids()) == {*IDS[:4], IDS[6]}


def test_a_valid_bundle_copied_in_by_hand_is_taken(tmp_path: Path) -> None:
    """Stores may be merged with cp: the name is the hash, so a file proves itself."""
    filled(tmp_path / "store")
    path = bundle_path(tmp_path / "store", pack(ITEMS[4:6]))
    path.parent.mkdir(parents=True)
    path.write_bytes(pack(ITEMS[4:6]))
    assert set(DiskStore(tmp_path / "store").ids()) == set(IDS[:6])


def test_a_link_in_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    name = b64(sha256(pack([ITEMS[0]])).digest())
    (tmp_path / "outside").mkdir()
    (tmp_path / "store" / "bundles").mkdir(parents=True)
    (tmp_path / "store" / "bundles" / name[0]).symlink_to(tmp_path / "outside")
    with pytest.raises(ArchiveError, match="the store cannot be written: a link where a folder should be"):
        DiskStore(tmp_path / "store").put(ITEMS[0].raw)
    assert list((tmp_path / "outside").iterdir()) == []


def test_the_stores_own_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    DiskStore(tmp_path / "link").put(ITEMS[0].raw)
    assert DiskStore(tmp_path / "real").get(IDS[0]) == ITEMS[0].raw


def test_reading_makes_nothing(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "store")
    assert (list(store.ids()), store.query({}), store.check(), store.problems) == ([], [], [], [])
    with pytest.raises(Missing, match="not among the 0 items"):
        store.get(IDS[0])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(ArchiveError, match=r"Not a directory|File exists"):
        DiskStore(tmp_path / "store").put(ITEMS[0].raw)
    with pytest.raises(ArchiveError, match="the store cannot be read: Not a directory"):
        DiskStore(tmp_path / "store").query({})


def child_process(code: str, *arguments: Path | str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


WRITER = """
import sys
from archive.data_item import sign_item
from archive.keys import Ed25519Key
from archive.stores.disk import DiskStore
store, key, count = DiskStore(sys.argv[1]), Ed25519Key(sys.argv[2].encode().ljust(32)), int(sys.argv[3])
for number in range(count):
    print(store.put(sign_item(key, b"%d" % number, [("by", sys.argv[2])]).raw), flush=True)
"""


@pytest.mark.parametrize("promises", [0, 1, 5, 20])
def test_kill_minus_nine_loses_nothing_promised(tmp_path: Path, promises: int) -> None:
    ids: list[str] = []
    for life in range(3):
        child = child_process(WRITER, tmp_path / "store", f"life {life}", "1000000")
        assert child.stdout is not None
        ids += [child.stdout.readline().strip() for _ in range(promises)]
        child.send_signal(signal.SIGKILL)
        ids += child.communicate(timeout=60)[0].split()
    reader = DiskStore(tmp_path / "store")
    assert set(ids) <= set(reader.ids())
    assert all(reader.get(item_id) for item_id in ids)
    writer = DiskStore(tmp_path / "store")
    writer.put(ITEMS[0].raw)
    assert writer.check() == []


def test_two_readers_see_what_two_writers_write(tmp_path: Path) -> None:
    readers = [DiskStore(tmp_path / "store") for _ in range(2)]
    writers = [child_process(WRITER, tmp_path / "store", name, "60") for name in ("a", "b")]
    counts = []
    while any(writer.poll() is None for writer in writers):
        for reader in readers:
            ids = reader.query({}, limit=1000)
            counts.append(len(ids))
            assert all(reader.get(item_id) for item_id in ids[:3])
    written = [writer.communicate(timeout=60)[0].split() for writer in writers]
    for reader in readers:
        assert set(reader.ids()) == {*written[0], *written[1]}
        assert [reader.query({"by": name}, limit=1000) for name in "ab"] == [written[0][::-1], written[1][::-1]]
        assert reader.problems == []
    assert len({*written[0], *written[1]}) == 120
    assert readers[0].check() == []


def test_a_reader_follows_an_index_that_was_written_anew(tmp_path: Path) -> None:
    filled(tmp_path / "store")
    readers = [DiskStore(tmp_path / "store") for _ in range(2)]
    assert all(len(list(reader.ids())) == 4 for reader in readers)
    for number in (4, 5, 6):
        with open(tmp_path / "store" / "index", "ab") as index:
            index.write(b"00000000 torn")
        DiskStore(tmp_path / "store").put(ITEMS[number].raw)
        assert readers[0].get(IDS[number]) == ITEMS[number].raw
        assert DiskStore(tmp_path / "store").check() == []
    assert set(readers[1].ids()) == set(IDS[:7])


def test_a_writer_waits_its_turn_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path / "store")
    monkeypatch.setattr(disk, "LOCK_WAIT_S", 0.05)
    with open(tmp_path / "store" / "lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ArchiveError, match=r"another process has held the lock for 0.05 s"):
            store.put(ITEMS[4].raw)
        assert store.get(IDS[0]) == ITEMS[0].raw
    assert store.put(ITEMS[4].raw) == IDS[4]


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    filled(tmp_path / "store").check(lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
