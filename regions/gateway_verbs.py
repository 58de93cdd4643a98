"""What a gateway core is told, and what it asks its shell to do, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connected:
    """Event: a client opened a connection, which the shell gives a number never used before; 48 fresh random bytes."""

    peer: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Framed:
    """Event: a client sent a frame."""

    peer: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """Event: a connection is gone."""

    peer: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Event: a message came over the bus."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """Event: so many bytes wait for a client's socket."""

    peer: int
    unsent: int


@dataclass(frozen=True, slots=True)
class Timer:
    """Event: `Gateway.due_ms` has come."""


Event = Connected | Framed | Closed | Heard | Backlog | Timer


@dataclass(frozen=True, slots=True)
class Send:
    """Effect: a frame for a client."""

    peer: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Effect: close a connection, with a websocket close code.

    `at_once`: what it has not read is thrown away. `fault`: for what the client did or left undone.
    """

    peer: int
    code: int
    reason: str
    at_once: bool = False
    fault: bool = False


@dataclass(frozen=True, slots=True)
class LetIn:
    """Effect: whoever has this connection is no stranger any more: its wallet signed."""

    peer: int


@dataclass(frozen=True, slots=True)
class Publish:
    """Effect: a message for the bus; the subject is without the world's short name."""

    subject: str
    data: bytes


Effect = Send | Close | LetIn | Publish
