"""What a machine's core is told, and what it asks its shell to do."""

from msgspec import Struct

# Events: what the machine tells.


class Begin(Struct, frozen=True):
    """Start everything."""


class Warm(Struct, frozen=True):
    """A region process is imported and compiled, and waits for a seat."""

    child: int


class Serving(Struct, frozen=True):
    """A seat is served from record `n` on."""

    index: int
    n: int


class Beaten(Struct, frozen=True):
    """A seat's owner, here or elsewhere, said on the bus that it has come to record `n`."""

    index: int
    n: int


class Looked(Struct, frozen=True):
    """The log answered just now: a seat's log ends at record `n`. One of several machines looks at each ten times a
    second; while the log does not answer there is no such event, and so no candidate."""

    index: int
    n: int


class Heard(Struct, frozen=True):
    """A child wrote a line."""

    child: int


class Answered(Struct, frozen=True):
    """The log answered this machine, all messages before having been heard: whoever is silent now is so by itself."""


class Ended(Struct, frozen=True):
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


class Ordered(Struct, frozen=True):
    """The archivist's final order stands in the world's log."""


class Stop(Struct, frozen=True):
    """A planned stop."""


class Timer(Struct, frozen=True):
    """The time asked for has come."""


Event = Begin | Warm | Serving | Beaten | Looked | Heard | Answered | Ended | Ordered | Stop | Timer

# Effects: what the machine is asked to do.


class Start(Struct, frozen=True):
    """Start a child: `role` is region, gateway, ao or archivist. The shell numbers it."""

    child: int
    role: str


class Assign(Struct, frozen=True):
    """Give a warm region process its seat."""

    child: int
    index: int
    deaths: int
    offset_ms: int


class Announce(Struct, frozen=True):
    """Beat for a seat, at record `n`, whose next process loads here: the other machines shall not lose patience."""

    index: int
    n: int


class Tell(Struct, frozen=True):
    """Write a JSON line to a child."""

    child: int
    words: dict[str, object]


class Dismiss(Struct, frozen=True):
    """Close a child's standard input: it ends by itself."""

    child: int


class Kill(Struct, frozen=True):
    """End a child that may be stopped or stuck, with a signal that no process can put off."""

    child: int


class Wake(Struct, frozen=True):
    """Give a Timer at this time."""

    at_ms: int


class Say(Struct, frozen=True):
    """Words for the operator."""

    text: str
    alarm: bool = False


class Over(Struct, frozen=True):
    """Nothing runs any more; exit with this status."""

    status: int


Effect = Start | Assign | Announce | Tell | Dismiss | Kill | Wake | Say | Over
