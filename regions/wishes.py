"""What one connection (`regions.peers`) wants its gateway to do, as values; and what all connections have in common."""

from typing import Final

from msgspec import Struct

from regions.config import LOGIN_TIMEOUT_MS
from regions.looks import Look
from regions.protocol import Told
from regions.record import Acted, Birth, Head, Login

POLICY: Final = 1008  # websocket close codes: the client's fault; the world's; come again
GOING_AWAY: Final = 1001
TRY_AGAIN: Final = 1013


class Door(Struct, frozen=True):
    """What every connection of a gateway has in common. `regions` are rectangles in chunks, by index."""

    world: bytes
    gateway: str
    world_tiles: tuple[int, int]
    regions: tuple[tuple[int, int, int, int], ...]
    login_ms: int = LOGIN_TIMEOUT_MS
    looks: tuple[Look, ...] = ()


class Turn(Struct, frozen=True):
    """The client said something that costs time to answer: call `turn` when it can be spared. `signed`: the last."""

    signed: bool


class Tell(Struct, frozen=True):
    """A message for the client."""

    told: Told


class ToRegion(Struct, frozen=True):
    """Inputs for the region with this index, in this order; 0 is the world's process."""

    region: int
    inputs: tuple[Acted | Login | Head | Birth, ...]


class AskWhere(Struct, frozen=True):
    """Ask every region for the body of this peer's wallet."""


class Entered(Struct, frozen=True):
    """The peer controls its body now; older peers of the body do not."""


class ShowAll(Struct, frozen=True):
    """The client lost its place: keyframes of everything in view."""


class End(Struct, frozen=True):
    """Close the connection, with a websocket close code and words. `fault`: for what the client did or left undone."""

    code: int
    reason: str
    fault: bool = False


Wish = Turn | Tell | ToRegion | AskWhere | Entered | ShowAll | End
