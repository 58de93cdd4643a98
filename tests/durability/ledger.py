"""What was sent to one log and what it acknowledged, and what a log that came back must therefore hold.

Knows no NATS and no disk: it makes records, hears outcomes, and judges what is read.
"""

import hashlib
import random
from collections.abc import Iterable

HASH_BYTES = 32
RECORD_BYTES_MIN, RECORD_BYTES_MAX = 100, 6000


class Ledger:
    """One log's. Records are numbered from 1, and each begins with the hash of the one before.

    `acknowledged` is the newest record known to be durable, `seen` the newest that a follower was shown, `trimmed` the
    newest that was asked to be forgotten.
    """

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name = name
        self.acknowledged = 0
        self.trimmed = 0
        self.seen = 0
        self._rng = rng
        self._hashes: dict[int, bytes] = {0: bytes(HASH_BYTES)}
        self._pending = b""

    def next_record(self) -> tuple[int, bytes]:
        """Return the record to append: a new one, or the one before again, if its fate is unknown."""
        if not self._pending:
            size = self._rng.randint(RECORD_BYTES_MIN, RECORD_BYTES_MAX)
            number = self.acknowledged + 1
            body = f"{self.name} {number} ".encode() + self._rng.randbytes(size)
            self._pending = self._hashes[self.acknowledged] + body
        return self.acknowledged + 1, self._pending

    def acknowledge(self, number: int) -> None:
        """The log said that the record is durable."""
        assert number == self.acknowledged + 1 and self._pending, f"record {number} of {self.name} was not pending"
        self._hashes[number] = hashlib.sha256(self._pending).digest()
        self.acknowledged = number
        self._pending = b""

    def see(self, number: int, data: bytes) -> str:
        """A follower was shown this record; returns in words what is wrong with it, "" when nothing is."""
        self.seen = max(self.seen, number)
        return "" if self._is_right(number, data) else f"{self.name}: a follower was shown a record {number} never sent"

    def _is_right(self, number: int, data: bytes) -> bool:
        if number == self.acknowledged + 1:
            return data == self._pending
        return number <= self.acknowledged and hashlib.sha256(data).digest() == self._hashes[number]

    def missing(self, first: int, last: int) -> int:
        """How many records that were acknowledged or shown lie outside what the log says it holds."""
        newest = max(self.acknowledged, self.seen)
        in_front = max(0, min(first - 1, newest) - self.trimmed)
        behind = max(0, newest - max(last, self.trimmed))
        return min(newest - self.trimmed, in_front + behind)

    def judge(self, first: int, records: Iterable[tuple[int, bytes]]) -> list[str]:
        """Return in words what is wrong with the records that were read from `first` on."""
        wrong = []
        expected = first
        before = self._hashes.get(first - 1)
        for number, data in records:
            digest = hashlib.sha256(data).digest()
            if number != expected:
                wrong.append(f"{self.name}: record {number} follows record {expected - 1}")
            elif not self._is_right(number, data):
                wrong.append(f"{self.name}: record {number} has bytes that were never sent")
            elif before is not None and data[:HASH_BYTES] != before:
                wrong.append(f"{self.name}: record {number} does not hold the hash of record {number - 1}")
            before, expected = digest, number + 1
        return wrong

    def give_up_after(self, last: int) -> None:
        """The log lost what came after `last`: go on from there, so that one loss is counted once."""
        self.seen = min(self.seen, last)
        if last < self.acknowledged:
            self.acknowledged = last
            self._pending = b""
            self.trimmed = min(self.trimmed, last)
