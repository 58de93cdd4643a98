"""The ledger of acknowledged actions: read while it grows and after a kill, it never says more than is so."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from clients.bots.ledger import MAGIC, Entry, Ledger, Restored, read
from clients.session import Acknowledged, Pending, Undone

CHAIN = bytes(range(32))


def ack(number: int, body: bytes = b"\x93\x01\x02\x03") -> Acknowledged:
    return Acknowledged(7, Pending(number, body, CHAIN, 0), 3, 0, 2, 900 + number, b"h" * 32)


def wait_for(path: Path, count: int) -> list[Entry | Restored]:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        found = list(read(path))
        if len(found) >= count:
            return found
        time.sleep(0.01)
    raise TimeoutError(f"{len(found)} of {count} entries")


def test_entries_come_back_as_they_were_noted(tmp_path: Path) -> None:
    path = tmp_path / "one.ledger"
    ledger = Ledger(path)
    for number in range(1, 2001):
        ledger.note(ack(number, bytes(number % 500)))
    ledger.note_undone(7, Undone(2, 600, 800, ()))
    ledger.close()
    found = list(read(path))
    assert found[-1] == Restored(7, 2, 600)
    assert found[:-1] == [Entry(7, n, 900 + n, 2, 0, 3, CHAIN, bytes(n % 500), True) for n in range(1, 2001)]


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a" / "two.ledger")
    ledger.note(ack(1))
    assert len(wait_for(ledger.path, 1)) == 1
    ledger.note(ack(2))
    found = wait_for(ledger.path, 2)
    assert isinstance(found[0], Entry) and found[0].safe
    ledger.close()


def test_a_torn_or_damaged_end_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "three.ledger"
    ledger = Ledger(path)
    for number in range(1, 4):
        ledger.note(ack(number))
    ledger.close()
    raw = path.read_bytes()
    for cut in range(len(MAGIC), len(raw)):
        path.write_bytes(raw[:cut])
        found = list(read(path))
        assert found == list(read(path)) and len(found) <= 3
        if cut < len(raw) - 1:
            assert not any(entry.safe for entry in found if isinstance(entry, Entry)), "no mark stands there yet"
    path.write_bytes(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:])
    assert list(read(path)) == []


def test_a_ledger_is_never_written_over_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "four.ledger"
    Ledger(path).close()
    with pytest.raises(FileExistsError):
        Ledger(path)
    path.write_bytes(b"something else entirely")
    with pytest.raises(ValueError, match="no ledger"):
        list(read(path))


def test_what_a_mark_covers_survives_a_kill(tmp_path: Path) -> None:
    """A process that writes on and on is killed: the file is read to its last whole entry, without a gap."""
    path = tmp_path / "five.ledger"
    script = (
        "import sys, time; from pathlib import Path; from clients.bots.ledger import Ledger\n"
        "from tests.clients.test_bots_ledger import ack\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "number = 0\n"
        "while True:\n"
        "    number += 1\n"
        "    ledger.note(ack(number))\n"
        "    time.sleep(0.0005)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(path)])
    try:
        ends = time.monotonic() + 30
        while not path.exists() or path.stat().st_size < 60_000:
            assert time.monotonic() < ends
            time.sleep(0.02)
    finally:
        child.kill()
        child.wait()
    found = [entry for entry in read(path) if isinstance(entry, Entry)]
    assert [entry.number for entry in found] == list(range(1, len(found) + 1))
    assert sum(entry.safe for entry in found) > 100
