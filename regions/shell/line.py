"""What a gateway's shell knows of one socket. What becomes of it: `regions.shell.lines`."""

import socket
from enum import Enum, auto

from regions.bucket import Bucket
from regions.websocket import Incoming


class Stage(Enum):
    """Of a line: the request is not whole; frames come; our close is on its way; closed."""

    OPENING = auto()
    OPEN = auto()
    PARTING = auto()
    GONE = auto()


class Line:
    """One socket. `held` are the bytes of its request, `unsent` what the system did not take yet."""

    __slots__ = (
        "asked",
        "frames",
        "held",
        "incoming",
        "number",
        "player",
        "reads",
        "since_ms",
        "stage",
        "stream",
        "unsent",
        "where",
    )

    def __init__(self, number: int, stream: socket.socket, where: str, now_ms: int) -> None:
        self.number, self.stream, self.where = number, stream, where
        self.stage = Stage.OPENING
        self.player = self.asked = False
        self.since_ms = now_ms  # since when it is quiet, opening or parting
        self.held = b""
        self.incoming: Incoming | None = None
        self.unsent: bytearray | None = None
        self.reads: Bucket | None = None  # of a player; a stranger's are counted in `frames`
        self.frames = 0
