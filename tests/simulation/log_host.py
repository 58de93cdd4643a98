"""The log server: the logs in memory (`regions.shell.memory_log`) behind a network, with a disk that takes its time.

A record is on the disk, and may be read, when its sync is over; only then is it acknowledged. What was being synced
when the server dies is there afterwards, or is not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from regions.config import APPEND_TIMEOUT_MS
from regions.shell.log import LogError, LogInfo
from regions.shell.memory_log import MemoryLogs
from tests.simulation.network import LOG, Network
from tests.simulation.schedule import Schedule

LOG_BYTES: Final = 1 << 30
SYNC_US: Final = 900
WORDS: Final = {"Durable": "durable", "Taken": "taken", "Behind": "behind", "Full": "full", "Impossible": "impossible"}

Reply = Callable[[str, int, str], None]  # outcome, position, reason
Durable = Callable[[str, int, bytes], None]  # log, record, bytes


@dataclass
class Writing:
    """An append on its way to the disk."""

    name: str
    position: int
    raw: bytes
    first: int
    answer: Callable[[str, str], None]


class LogHost:
    """All logs of the world. `durable` is told of every record that came to stay."""

    def __init__(self, schedule: Schedule, network: Network, random: Random, durable: Durable) -> None:
        self.schedule, self.network, self.random, self.durable = schedule, network, random, durable
        self.logs = MemoryLogs()
        self.sync_us = SYNC_US
        self.down = False
        self.leaderless = False
        self.full = False
        self.met: Callable[[str], None] = lambda kind: None  # a fault showed
        self.deaf: tuple[str, float] | None = None  # "reply lost" or "request lost" or "late", and how often
        self.writing: list[Writing] = []

    # Verbs, each answered over the network, or never.

    def append(self, host: str, name: str, position: int, raw: bytes, first: int, reply: Reply) -> None:
        """Append; the reply is `unknown` when none came in time."""
        settled = [False]

        def settle(word: str, reason: str) -> None:
            if not settled[0]:
                settled[0] = True
                reply(word, position, reason)

        late_us = 0
        if self.deaf is not None and self.random.random() < self.deaf[1]:
            kind = self.deaf[0]
            self.met(kind)
            if kind == "append lost":
                self.schedule.after(APPEND_TIMEOUT_MS * 1000, settle, "unknown", "no answer")
                return
            late_us = self.random.randrange(3_000_000) if kind == "append late" else 0
        lost = self.deaf is not None and self.deaf[0] == "answer lost" and self.random.random() < self.deaf[1]
        if lost:
            self.met("answer lost")

        def answer(word: str, reason: str) -> None:
            if not lost:
                self.network.send(LOG, host, settle, word, reason)

        self.schedule.after(APPEND_TIMEOUT_MS * 1000, settle, "unknown", "no answer")
        writing = Writing(name, position, raw, first, answer)
        if late_us:
            self.schedule.after(late_us, self._arrived, writing)
        else:
            self.network.send(host, LOG, self._arrived, writing)

    def ask(self, host: str, read: Callable[[MemoryLogs], Any], reply: Callable[[Any], None]) -> None:
        """Read something from the logs; the reply is what `read` gave or the LogError it raised, or there is none."""
        self.network.send(host, LOG, self._asked, host, read, reply)

    def _asked(self, host: str, read: Callable[[MemoryLogs], Any], reply: Callable[[Any], None]) -> None:
        if self.silent():
            return
        found: Any
        try:
            found = read(self.logs)
        except LogError as error:
            found = error
        self.network.send(LOG, host, reply, found)

    def silent(self) -> bool:
        """Whether nothing is answered."""
        if self.down:
            self.met("log crash")
        if self.leaderless:
            self.met("leaderless")
        return self.down or self.leaderless

    # The disk.

    def _arrived(self, writing: Writing) -> None:
        if self.silent():
            return
        self.writing.append(writing)
        self.schedule.after(self.sync_us, self._synced, writing)

    def _synced(self, writing: Writing) -> None:
        if writing not in self.writing:
            return  # the server died meanwhile
        self.writing.remove(writing)
        self._store(writing, answered=True)

    def _store(self, writing: Writing, answered: bool) -> None:
        if self.full:
            self.met("log full")
            word, reason = "full", "maximum bytes exceeded"
        else:
            outcome = self.logs.append(writing.name, writing.position, writing.raw, writing.first)
            word, reason = WORDS.get(type(outcome).__name__, "unknown"), str(getattr(outcome, "reason", ""))
            if word == "durable":
                self.durable(writing.name, writing.position, writing.raw)
        if answered:
            writing.answer(word, reason)

    def crash(self) -> None:
        """The server dies: what was being synced is on the disk or is not, and nobody is told."""
        self.down = True
        for writing in self.writing:
            if self.random.random() < 0.5:
                self._store(writing, answered=False)
            else:
                self.met("unsynced lost")
        self.writing.clear()

    # An operator's doings.

    def create(self, name: str, first: int) -> None:
        """Make a log."""
        self.logs.create(name, first, LOG_BYTES)

    def info(self, name: str) -> LogInfo:
        """What a log holds, for whoever watches the simulation."""
        return self.logs.info(name)
