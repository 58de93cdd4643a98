"""Logs in memory: the twin of `nats_log`, same verbs and same answers, with its faults to order.

`MemoryLogs` is what the server is: it holds the records, and its verbs are plain functions, so that a simulator can
drive them without asyncio. `MemoryLog` is what a process holds: the asynchronous verbs of `nats_log.Log`. Persists
nothing.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import Enum, auto

from regions.shell.log import (
    READ_BYTES_MAX,
    RECORD_BYTES_MAX,
    Behind,
    Durable,
    Full,
    Impossible,
    LogGap,
    LogInfo,
    LogMissing,
    LogRefused,
    LogUnavailable,
    Outcome,
    Taken,
    Unknown,
    check_log_name,
)

RECORD_OVERHEAD = 200
"""Bytes of quota a record uses besides its own; about what the real store writes around it."""


FOLLOW_BATCH = 256


class Fault(Enum):
    """What may befall the next append."""

    STORED_UNKNOWN = auto()
    """Stored, but the answer is lost."""
    LOST_UNKNOWN = auto()
    """Lost before it was stored, and no answer."""
    FULL = auto()
    """Refused for want of room."""


@dataclass
class _Stream:
    first_sequence: int
    max_bytes: int
    made: int
    first: int
    records: deque[bytes] = field(default_factory=deque)
    bytes: int = 0
    bells: set[asyncio.Event] = field(default_factory=set)

    @property
    def last(self) -> int:
        return self.first + len(self.records) - 1


class MemoryLogs:
    """All logs by name. `faults` are spent one an append, whatever the log.

    Three states of the server, as NATS was seen in them: `leaderless` (dead, or without a leader), `stalled` (stopped
    or slow: what is sent to it is carried out later), and of one log, that it gave up (`give_up`).
    """

    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self._leaderless = False
        self._stalled = False
        self._waiting: list[tuple[str, int, bytes, int]] = []
        self._given_up: set[str] = set()
        self._streams: dict[str, _Stream] = {}
        self._made = 0

    @property
    def leaderless(self) -> bool:
        """While true, no verb is answered: appends are `Unknown` and lost, the others raise `LogUnavailable`.

        A change of it is also a restart: what had given up serves again, what was waiting is lost.
        """
        return self._leaderless

    @leaderless.setter
    def leaderless(self, value: bool) -> None:
        self._leaderless = value
        self._waiting.clear()
        self._given_up.clear()
        for stream in self._streams.values():
            _ring(stream)

    @property
    def stalled(self) -> bool:
        """While true, no verb is answered in time, but appends wait: when it ends they are carried out, in order."""
        return self._stalled

    @stalled.setter
    def stalled(self, value: bool) -> None:
        self._stalled = value
        if not value:
            waiting, self._waiting = self._waiting, []
            for name, position, data, first_sequence in waiting:
                self._append(name, position, data, first_sequence)
            for stream in self._streams.values():
                _ring(stream)

    def give_up(self, name: str) -> None:
        """Let the log meet a full or failing disk: it answers no append any more, only reads, until a restart."""
        self._given_up.add(name)

    def create(self, name: str, first_sequence: int, max_bytes: int) -> None:
        """As `nats_log.Log.create`."""
        if first_sequence < 1 or max_bytes < RECORD_BYTES_MAX:
            raise ValueError(f"first sequence {first_sequence} (>= 1), {max_bytes} bytes (>= {RECORD_BYTES_MAX})")
        self._answering(name)
        stream = self._streams.get(name)
        if stream is None:
            self._made += 1
            self._streams[name] = _Stream(first_sequence, max_bytes, self._made, first_sequence)
        elif (stream.first_sequence, stream.max_bytes) != (first_sequence, max_bytes):
            raise LogRefused(
                f"log {name} cannot be made: it exists with first sequence {stream.first_sequence} and "
                f"{stream.max_bytes} bytes, not {first_sequence} and {max_bytes}"
            )

    def delete(self, name: str) -> None:
        """Delete a log with all it holds; an operator's mistake, never a verb of the log."""
        self._given_up.discard(name)
        _ring(self._streams.pop(name))

    def lose_tail(self, name: str, count: int) -> None:
        """Forget the newest `count` records, or all there are: a store that was set back."""
        stream = self._streams[name]
        for _ in range(min(count, len(stream.records))):
            stream.bytes -= len(stream.records.pop()) + RECORD_OVERHEAD
        _ring(stream)

    def info(self, name: str) -> LogInfo:
        """As `nats_log.Log.info`."""
        stream = self._stream(name)
        return LogInfo(stream.first, stream.last, stream.bytes)

    def first_sequence(self, name: str) -> int:
        """Return the first record's number the log was made with."""
        return self._stream(name).first_sequence

    def made(self, name: str) -> int:
        """Return which making of this name the log is: a log made anew has another number."""
        return self._stream(name).made

    def append(self, name: str, position: int, data: bytes, first_sequence: int = 0) -> Outcome:
        """As `nats_log.Log.append`; spends one of `faults`.

        `first_sequence` is where the appender found the log to start when it opened it; 0: it never did.
        """
        if position < 1:
            raise ValueError(f"position {position} (>= 1)")
        if len(data) > RECORD_BYTES_MAX:
            return Impossible(f"{len(data)} bytes, the limit is {RECORD_BYTES_MAX}")
        fault = self.faults.popleft() if self.faults else None
        if self._leaderless or fault is Fault.LOST_UNKNOWN:
            return Unknown("no answer")
        if fault is Fault.FULL:
            return Full("maximum bytes exceeded")
        if self._stalled:
            self._waiting.append((name, position, bytes(data), first_sequence))
            return Unknown("no answer")
        outcome = self._append(name, position, data, first_sequence)
        return Unknown("no answer") if fault is Fault.STORED_UNKNOWN else outcome

    def _append(self, name: str, position: int, data: bytes, first_sequence: int) -> Outcome:
        stream = self._streams.get(name)
        if stream is None:
            return Impossible(str(LogMissing(name)))
        if stream.last >= position:
            return Taken(stream.last)
        if stream.last < position - 1:
            return Behind(stream.last)
        if position > (first_sequence or stream.first_sequence) and not stream.records:
            return Behind(stream.last, f"the log is empty and does not hold record {position - 1}: it was made anew")
        if stream.bytes + len(data) + RECORD_OVERHEAD > stream.max_bytes:
            return Full("maximum bytes exceeded")
        if name in self._given_up:
            return Unknown("no answer")
        stream.records.append(bytes(data))
        stream.bytes += len(data) + RECORD_OVERHEAD
        _ring(stream)
        return Durable(position)

    def read(self, name: str, position: int, limit: int) -> list[tuple[int, bytes]]:
        """As `nats_log.Log.read`."""
        stream = self._stream(name)
        if not stream.first <= position <= stream.last + 1:
            raise LogGap(name, position, stream.first, stream.last)
        records: list[tuple[int, bytes]] = []
        size = 0
        for number in range(position, min(stream.last, position + limit - 1) + 1):
            if size >= READ_BYTES_MAX:
                break
            records.append((number, stream.records[number - stream.first]))
            size += len(records[-1][1])
        return records

    def trim(self, name: str, position: int) -> None:
        """As `nats_log.Log.trim`."""
        stream = self._stream(name)
        if position < stream.first:
            return
        if position >= stream.last:
            raise ValueError(f"log {name} ends at {stream.last}: it cannot be trimmed through {position}")
        while stream.first <= position:
            stream.bytes -= len(stream.records.popleft()) + RECORD_OVERHEAD
            stream.first += 1

    def watch(self, name: str, bell: asyncio.Event) -> None:
        """Ring `bell` when something happens to the log; until it is deleted."""
        self._stream(name).bells.add(bell)

    def unwatch(self, name: str, bell: asyncio.Event) -> None:
        """Ring it no more."""
        if name in self._streams:
            self._streams[name].bells.discard(bell)

    def _answering(self, name: str) -> None:
        if self._leaderless or self._stalled:
            raise LogUnavailable(name, "no answer")

    def _stream(self, name: str) -> _Stream:
        self._answering(name)
        if name not in self._streams:
            raise LogMissing(name)
        return self._streams[name]


def _ring(stream: _Stream) -> None:
    for bell in stream.bells:
        bell.set()


class MemoryLog:
    """One process's handle of a log; the verbs, and what they answer and raise, are those of `nats_log.Log`."""

    def __init__(self, logs: MemoryLogs, name: str) -> None:
        check_log_name(name)
        self.name = name
        self._logs = logs
        self._first_sequence = 0

    async def create(self, first_sequence: int, max_bytes: int) -> None:
        self._logs.create(self.name, first_sequence, max_bytes)
        self._first_sequence = first_sequence

    async def open(self) -> LogInfo:
        self._first_sequence = self._logs.first_sequence(self.name)
        return self._logs.info(self.name)

    async def exists(self) -> bool:
        try:
            self._logs.info(self.name)
        except LogMissing:
            return False
        return True

    async def info(self) -> LogInfo:
        return self._logs.info(self.name)

    async def append(self, position: int, data: bytes, wait_s: float = 1.0) -> Outcome:
        await asyncio.sleep(0)
        if not self._first_sequence:
            try:
                await self.open()
            except LogMissing as error:
                return Impossible(str(error))
            except LogUnavailable as error:
                return Unknown(error.reason)  # and nothing was sent
        return self._logs.append(self.name, position, data, self._first_sequence)

    async def read(self, position: int, limit: int) -> list[tuple[int, bytes]]:
        await asyncio.sleep(0)
        return self._logs.read(self.name, position, limit)

    async def follow(self, position: int) -> AsyncGenerator[tuple[int, bytes], None]:
        made = 0
        bell = asyncio.Event()
        try:
            while True:
                bell.clear()
                try:
                    self._logs.watch(self.name, bell)
                    made = made or self._logs.made(self.name)
                    info = self._logs.info(self.name)
                    if made != self._logs.made(self.name):
                        raise LogGap(self.name, position, info.first, info.last)
                    for number, data in self._logs.read(self.name, position, FOLLOW_BATCH):
                        yield number, data
                        position = number + 1
                        bell.set()
                except LogUnavailable:
                    await asyncio.sleep(0.01)
                    continue
                await bell.wait()
        finally:
            self._logs.unwatch(self.name, bell)

    async def trim(self, position: int) -> None:
        self._logs.trim(self.name, position)
