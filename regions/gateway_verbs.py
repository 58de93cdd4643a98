"""What a gateway core is told, and what it asks its shell to do, as values."""

from msgspec import Struct


class Connected(Struct, frozen=True):
    """Event: a client opened a connection, which the shell gives a number never used before; 48 fresh random bytes."""

    peer: int
    secret: bytes


class Framed(Struct, frozen=True):
    """Event: a client sent a frame."""

    peer: int
    frame: bytes


class Frames(Struct, frozen=True):
    """Event: clients sent frames, in the order in which they were read; what they ask for goes on together."""

    frames: list[Framed]


class Closed(Struct, frozen=True):
    """Event: a connection is gone."""

    peer: int


class Heard(Struct, frozen=True):
    """Event: a message came over the bus."""

    data: bytes


class Backlog(Struct, frozen=True):
    """Event: so many bytes wait for a client's socket."""

    peer: int
    unsent: int


class Timer(Struct, frozen=True):
    """Event: `Gateway.due_ms` has come."""


Event = Connected | Framed | Frames | Closed | Heard | Backlog | Timer


class Send(Struct, frozen=True):
    """Effect: a frame for a client."""

    peer: int
    frame: bytes


class Close(Struct, frozen=True):
    """Effect: close a connection, with a websocket close code.

    `at_once`: what it has not read is thrown away. `fault`: for what the client did or left undone.
    """

    peer: int
    code: int
    reason: str
    at_once: bool = False
    fault: bool = False


class LetIn(Struct, frozen=True):
    """Effect: whoever has this connection is no stranger any more: its wallet signed."""

    peer: int


class Publish(Struct, frozen=True):
    """Effect: a message for the bus; the subject is without the world's short name."""

    subject: str
    data: bytes


Effect = Send | Close | LetIn | Publish
