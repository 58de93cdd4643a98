"""What a machine's core is told, and what it asks its shell to do."""

from dataclasses import dataclass

# Events: what the machine tells.


@dataclass(frozen=True)
class Begin:
    """Start everything."""


@dataclass(frozen=True)
class Warm:
    """A region process is imported and compiled, and waits for a seat."""

    child: int


@dataclass(frozen=True)
class Serving:
    """A seat is served from record `n` on."""

    index: int
    n: int


@dataclass(frozen=True)
class Beaten:
    """A seat's owner, here or elsewhere, said on the bus that it has come to record `n`."""

    index: int
    n: int


@dataclass(frozen=True)
class Looked:
    """The log answered just now: a seat's log ends at record `n`. One of several machines looks at each ten times a
    second; while the log does not answer there is no such event, and so no candidate."""

    index: int
    n: int


@dataclass(frozen=True)
class Heard:
    """A child wrote a line."""

    child: int


@dataclass(frozen=True)
class Answered:
    """The log answered this machine, all messages before having been heard: whoever is silent now is so by itself."""


@dataclass(frozen=True)
class Ended:
    """A child process is gone. `reason` is its last word; `alarm` that an operator must look; `n` its last record.

    `fenced`: another owner's record stands where a region's own should have gone. `superseded`: the archivist met this
    later era of the world in the store.
    """

    child: int
    reason: str = ""
    alarm: bool = False
    n: int = 0
    fenced: bool = False
    superseded: int = 0


@dataclass(frozen=True)
class Ordered:
    """The archivist's final order stands in the world's log."""


@dataclass(frozen=True)
class Stop:
    """A planned stop."""


@dataclass(frozen=True)
class Timer:
    """The time asked for has come."""


Event = Begin | Warm | Serving | Beaten | Looked | Heard | Answered | Ended | Ordered | Stop | Timer

# Effects: what the machine is asked to do.


@dataclass(frozen=True)
class Start:
    """Start a child: `role` is region, gateway or archivist. The shell numbers it."""

    child: int
    role: str


@dataclass(frozen=True)
class Assign:
    """Give a warm region process its seat."""

    child: int
    index: int
    deaths: int
    offset_ms: int


@dataclass(frozen=True)
class Announce:
    """Beat for a seat, at record `n`, whose next process loads here: the other machines shall not lose patience."""

    index: int
    n: int


@dataclass(frozen=True)
class Tell:
    """Write a JSON line to a child."""

    child: int
    words: dict[str, object]


@dataclass(frozen=True)
class Dismiss:
    """Close a child's standard input: it ends by itself."""

    child: int


@dataclass(frozen=True)
class Kill:
    """End a child that may be stopped or stuck, with a signal that no process can put off."""

    child: int


@dataclass(frozen=True)
class Wake:
    """Give a Timer at this time."""

    at_ms: int


@dataclass(frozen=True)
class Say:
    """Words for the operator."""

    text: str
    alarm: bool = False


@dataclass(frozen=True)
class Over:
    """Nothing runs any more; exit with this status."""

    status: int


Effect = Start | Assign | Announce | Tell | Dismiss | Kill | Wake | Say | Over
