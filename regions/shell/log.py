"""What a region's log answers: the outcomes of an append, and the errors of the other verbs.

Shared by the real log (`nats`) and its twin in memory (`memory_log`), so that a caller cannot tell them apart.
Decides nothing: what to do after each outcome is the region core's business (DESIGN §3, Appending).
"""

from dataclasses import dataclass

RECORD_BYTES_MAX = 512 * 1024
"""One record, as the log accepts it; the server's max_payload lies above it, inputs close far below it."""

READ_BYTES_MAX = 16 * 1024 * 1024
"""One `read` ends early at this many bytes; the reader goes on from the last record it got."""


@dataclass(frozen=True, slots=True)
class Durable:
    """The record is stored and synced at `position`."""

    position: int


@dataclass(frozen=True, slots=True)
class Taken:
    """`position` holds a record already (mine or another's: read it); the log ends at `last`."""

    last: int


@dataclass(frozen=True, slots=True)
class Behind:
    """The log does not hold the record before `position`; it ends at `last`."""

    last: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stored or not: only a further append of the same bytes at the same position can tell."""

    reason: str


@dataclass(frozen=True, slots=True)
class Full:
    """The log's quota or the disk is used up; nothing was stored."""

    reason: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """No repetition of this append can succeed: too large, not allowed, no such log."""

    reason: str


Outcome = Durable | Taken | Behind | Unknown | Full | Impossible


@dataclass(frozen=True, slots=True)
class LogInfo:
    """Where a log begins and ends. An empty log has first = last + 1."""

    first: int
    last: int
    bytes: int


class LogError(Exception):
    """A log could not do what was asked."""


class LogUnavailable(LogError):
    """No answer in time, no connection, no leader: ask again later."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"log {name}: {reason}")
        self.name = name
        self.reason = reason


class LogMissing(LogError):
    """There is no log of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"log {name} does not exist")
        self.name = name


class LogRefused(LogError):
    """The log exists (or was asked for) with settings under which it may not be used."""


class LogGap(LogError):
    """The log does not hold the record a reader stands at: trimmed, set back or re-created. Never skipped."""

    def __init__(self, name: str, expected: int, first: int, last: int) -> None:
        super().__init__(f"log {name} holds records {first}..{last}; record {expected} was expected")
        self.name = name
        self.expected = expected
        self.first = first
        self.last = last


class LogBroken(LogError):
    """The log contradicted itself (an acknowledged position other than the one guarded): stop."""


def check_log_name(name: str) -> None:
    """Raise `ValueError` unless `name` can name a log: it becomes a stream's name, a subject and a directory."""
    if not (0 < len(name) <= 64 and name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
        raise ValueError(f"a log's name is 1 to 64 letters, digits, - or _; this one is {name!r}")
