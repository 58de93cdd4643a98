"""What a view found, kept in one SQLite file: items, results, assignments, and how far each region was read.

It is made of what the logs and the archive hold and can be thrown away: it is then read anew. Every method is called
from one thread.
"""

import asyncio
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from regions.ao.view import Assigned, Place, Shown

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS mailbox (region INTEGER PRIMARY KEY, process BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS place (region INTEGER PRIMARY KEY, place BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS item (id BLOB PRIMARY KEY, region INTEGER NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL,
    nonce INTEGER NOT NULL, raw BLOB NOT NULL, result TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS assignment (region INTEGER NOT NULL, nonce INTEGER NOT NULL, id BLOB NOT NULL,
    item BLOB NOT NULL, n INTEGER NOT NULL, time_ms INTEGER NOT NULL, raw BLOB NOT NULL,
    PRIMARY KEY (region, nonce)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS item_nonce ON item (region, nonce);
CREATE INDEX IF NOT EXISTS assignment_id ON assignment (id);
CREATE INDEX IF NOT EXISTS assignment_item ON assignment (item);
"""


MAILBOXES: Final = 1_000  # their numbers begin here, above those of regions


class Item(NamedTuple):
    """A row of an item."""

    id: bytes
    region: int
    kind: str
    n: int
    nonce: int
    raw: bytes
    result: str


class Assignment(NamedTuple):
    """A row of an assignment."""

    region: int
    nonce: int
    id: bytes
    item: bytes
    n: int
    time_ms: int
    raw: bytes


class Index:
    """The file. `path` may be ":memory:"."""

    def __init__(self, path: Path | str) -> None:
        self._rows = sqlite3.connect(path, isolation_level=None)
        # Synced when the log of writes goes into the file, not at each write: a power cut may take the newest rows with
        # the places that were read up to, and they are read again; it must not take rows from under their place.
        self._rows.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)
        self._awaited: dict[bytes, set[asyncio.Future[None]]] = {}

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    def place(self, region: int) -> Place | None:
        """How far a region was read; None: not at all."""
        found = self._rows.execute("SELECT place FROM place WHERE region = ?", (region,)).fetchone()
        return msgspec.msgpack.decode(found[0], type=Place) if found else None

    def add(self, region: int, shown: Iterable[Shown], assigned: Iterable[Assigned], place: Place) -> None:
        """Keep what was read up to a place: all of it or nothing."""
        run = self._rows.execute
        run("BEGIN")
        shown, assigned = list(shown), list(assigned)
        numbers = {b"": region}
        for process in [*(one.process for one in shown), *(one.process for one in assigned)]:
            if process not in numbers:
                numbers[process] = self._mailbox(process)
        self._rows.executemany(
            "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((one.id, numbers[one.process], one.kind, one.n, one.nonce, one.raw, one.result) for one in shown),
        )
        self._rows.executemany(
            "INSERT OR REPLACE INTO assignment VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((numbers[one.process], one.nonce, one.id, one.item, one.n, one.time_ms, one.raw) for one in assigned),
        )
        run("INSERT OR REPLACE INTO place VALUES (?, ?)", (region, msgspec.msgpack.encode(place)))
        run("COMMIT")
        if self._awaited:
            for name in (*(one.id for one in shown), *(id for one in assigned for id in (one.id, one.item))):
                for future in self._awaited.pop(name, ()):
                    if not future.done():
                        future.set_result(None)

    async def coming(self, name: bytes, within_s: float) -> None:
        """Wait for what may come under an item's or an assignment's id, at most so long."""
        future = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(name, set()).add(future)
        try:
            await asyncio.wait({future}, timeout=within_s)
        finally:
            if left := self._awaited.get(name):
                left.discard(future)
                if not left:
                    del self._awaited[name]

    def mailbox(self, process: bytes) -> int | None:
        """The number under which a mailbox's rows stand; no region has such a one."""
        found = self._rows.execute("SELECT region FROM mailbox WHERE process = ?", (process,)).fetchone()
        return int(found[0]) if found else None

    def process(self, region: int) -> bytes:
        """The mailbox of such a number. Raises KeyError."""
        found = self._rows.execute("SELECT process FROM mailbox WHERE region = ?", (region,)).fetchone()
        if found is None:
            raise KeyError(region)
        return bytes(found[0])

    def _mailbox(self, process: bytes) -> int:
        known = self.mailbox(process)
        if known is None:
            (newest,) = self._rows.execute("SELECT MAX(region) FROM mailbox").fetchone()
            known = max(newest or 0, MAILBOXES - 1) + 1
            self._rows.execute("INSERT INTO mailbox VALUES (?, ?)", (known, process))
        return known

    def item(self, item_id: bytes) -> Item | None:
        """An item by its id."""
        found = self._rows.execute("SELECT * FROM item WHERE id = ?", (item_id,)).fetchone()
        return Item(*found) if found else None

    def numbered(self, region: int, nonce: int) -> Item | None:
        """The item with a nonce."""
        found = self._rows.execute("SELECT * FROM item WHERE region = ? AND nonce = ?", (region, nonce)).fetchone()
        return Item(*found) if found else None

    def assignment(self, region: int, either: bytes) -> Assignment | None:
        """An assignment of a region by its own id or its item's."""
        query = "SELECT * FROM assignment WHERE region = ? AND (id = ? OR item = ?)"
        found = self._rows.execute(query, (region, either, either)).fetchone()
        return Assignment(*found) if found else None

    def slot(self, region: int, nonce: int) -> Assignment | None:
        """The assignment with a nonce."""
        found = self._rows.execute(
            "SELECT * FROM assignment WHERE region = ? AND nonce = ?", (region, nonce)
        ).fetchone()
        return Assignment(*found) if found else None

    def last(self, region: int) -> Assignment | None:
        """The newest assignment of a region."""
        query = "SELECT * FROM assignment WHERE region = ? ORDER BY nonce DESC LIMIT 1"
        found = self._rows.execute(query, (region,)).fetchone()
        return Assignment(*found) if found else None

    def page(self, region: int, after: int, until: int, limit: int, newest_first: bool = False) -> list[Assignment]:
        """Assignments with after < nonce <= until, at most `limit`, and then those of the last one's record."""
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT * FROM assignment WHERE region = ? AND nonce > ? AND nonce <= ? ORDER BY nonce {order} LIMIT ?"  # noqa: S608
        rows = [Assignment(*row) for row in self._rows.execute(query, (region, after, until, limit + 1)).fetchall()]
        more = rows[limit:]
        rows = rows[:limit]
        while more and rows and more[0].n == rows[-1].n:
            rows += more
            low, high = (after, rows[-1].nonce - 1) if newest_first else (rows[-1].nonce, until)
            more = [Assignment(*row) for row in self._rows.execute(query, (region, low, high, 1)).fetchall()]
        return rows

    def nonce_at(self, region: int, time_ms: int) -> int:
        """The highest nonce whose time is not after `time_ms`; -1: none. Times never fall."""
        query = "SELECT nonce FROM assignment WHERE region = ? AND time_ms <= ? ORDER BY nonce DESC LIMIT 1"
        found = self._rows.execute(query, (region, time_ms)).fetchone()
        return int(found[0]) if found else -1
