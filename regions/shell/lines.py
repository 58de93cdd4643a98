"""The sockets of a gateway: reads, writes and closes them; what was said goes to the gateway's core as events.

Plain non-blocking sockets, each read a little at a time, so that nobody waits long for what anyone else sends, and each
with a limit for everything it makes this process hold. Deadlines are looked at in turns, a few hundred sockets every
50 ms. Not here: what is known of one (`regions.shell.line`), accepting (`regions.shell.doorway`), when to read
(`regions.shell.inboxes`), frames (`regions.websocket`), and what a frame means (`regions.gateway`).
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from regions.bucket import Bucket
from regions.config import (
    CLIENT_READS_PER_SECOND,
    CLIENT_UNSENT_BYTES_MAX,
    CLOSE_LINGER_MS,
    CUT_LINGER_MS,
    STRANGER_READS_MAX,
    STRANGER_UNSENT_BYTES_MAX,
)
from regions.gateway_verbs import Backlog, Closed, Connected, Event, Framed, Frames
from regions.shell.doorway import Doorway
from regions.shell.inboxes import Inboxes
from regions.shell.line import Line, Stage
from regions.strangers import Limits, Strangers
from regions.websocket import BINARY, CLOSE, PING, Broken, Incoming, closing, control, opening

READ_BYTES: Final = 4_096
SOCKET_BYTES: Final = 64 * 1024  # the system's buffer per client, small so that a slow one is noticed
FRAMES_AT_ONCE: Final = 256
TURN_S: Final = 0.05
TURN_LINES: Final = 512
NORMAL: Final = 1000
POLICY: Final = 1008


class Lines:
    """All sockets of a gateway. `step` is given each event; `now_ms` is the clock that the core goes by."""

    def __init__(self, limits: Limits, now_ms: Callable[[], int], step: Callable[[Event], None]) -> None:
        self.limits = limits
        self.strangers = Strangers(limits)
        self.lines: dict[int, Line] = {}
        self._now_ms, self._step = now_ms, step
        self._loop = asyncio.get_running_loop()
        self._inboxes = Inboxes(self._read)
        self._frames: list[Framed] = []  # read, and not handed over yet
        self._numbers = self._frames_read = 0
        self._doorway = Doorway(self.strangers, now_ms, self._came, self._make_room)
        self._waking: asyncio.TimerHandle | None = None
        self._round: deque[Line] = deque()  # every line, and some that are gone
        self._waiting: deque[Line] = deque()  # strangers in the order they came, and some who are none any more
        self._cut: deque[Line] = deque()  # offenders whose sockets stay a moment

    def figures(self) -> dict[str, int]:
        """For the operator: sockets now, by kind; and since the beginning, what came, was turned away and was cut."""
        strangers = self.strangers
        return {
            "players": len(self.lines) - strangers.count,
            "strangers": strangers.count,
            "arrived": self._numbers,
            "turned_away": strangers.turned_away,
            "faults": strangers.faults,
            "frames_read": self._frames_read,
        }

    # The door.

    def listen(self, host: str, port: int) -> int:
        """Let clients come; the port, any free one for 0. OSError when that cannot be."""
        port = self._doorway.open(host, port, SOCKET_BYTES)
        self._waking = self._loop.call_later(TURN_S, self._turn)
        return port

    def close(self, code: int, reason: str) -> None:
        """Let nobody else come, and part from everyone at once."""
        self._doorway.close()
        if self._waking is not None:
            self._waking.cancel()
        for line in list(self.lines.values()):
            if line.stage is Stage.OPEN:
                self._write(line, closing(code, reason))
            self._end(line)
        self._inboxes.close()

    def _came(self, stream: socket.socket, where: str) -> None:
        self._numbers += 1
        line = self.lines[self._numbers] = Line(self._numbers, stream, where, self._now_ms())
        self._round.append(line)
        self._waiting.append(line)
        self._inboxes.add(stream, line)
        if self.strangers.crowded:
            self._make_room()

    def _make_room(self) -> None:
        """The stranger who has waited longest gives way."""
        while self._waiting:
            line = self._waiting.popleft()
            if line.stage is not Stage.GONE and not line.player:
                self._end(line)
                return

    # From clients.

    def _read(self, lines: list[Line]) -> None:
        """Take something from each of these, and give the core at once what they said."""
        now_ms = self._now_ms()
        for line in lines:
            if line.stage is not Stage.GONE:
                self._readable(line, now_ms)
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the core what was read so far."""
        if self._frames:
            frames, self._frames = self._frames, []
            self._step(Frames(frames))

    def _say(self, event: Event) -> None:
        """Give the core an event, after what was read before it."""
        self._hand_over()
        self._step(event)

    def _readable(self, line: Line, now_ms: int) -> None:
        try:
            data = line.stream.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if line.stage is Stage.PARTING:  # thrown away, and not for long
            line.frames += 1
        if not data or line.frames > STRANGER_READS_MAX:
            self._end(line)
        elif line.stage is not Stage.PARTING:
            try:
                self._took(line, data, now_ms)
            except Broken as broken:
                self.part(line.number, broken.code, broken.reason, fault=True)

    def _took(self, line: Line, data: bytes, now_ms: int) -> None:
        self._count_read(line, now_ms)
        if line.stage is Stage.OPENING:
            opened = opening(line.held + data)
            if opened is None:
                line.held += data
                return
            line.held = b""
            self._write(line, opened.answer)
            if not opened.opened:
                self._part_later(line, now_ms)
                return
            line.stage, line.incoming, line.since_ms = Stage.OPEN, Incoming(), now_ms
            self._say(Connected(line.number, os.urandom(48)))
            data = opened.rest
        line.since_ms, line.asked = now_ms, False
        assert line.incoming is not None
        message = line.incoming.whole(data)
        if message is not None:
            self._framed(line, message)
            return
        for opcode, payload in line.incoming.frames(data):
            if opcode == BINARY:
                self._framed(line, payload)
                continue
            self._hand_over()
            if line.stage is not Stage.OPEN:
                return
            self._frames_read += 1
            self._count_read(line, now_ms)
            if opcode == PING and not line.unsent:
                self._write(line, control(opcode + 1, payload))
            elif opcode == CLOSE:
                self.part(line.number, NORMAL, "")

    def _framed(self, line: Line, message: bytes) -> None:
        self._frames_read += 1
        self._frames.append(Framed(line.number, message))
        if len(self._frames) >= FRAMES_AT_ONCE:
            self._hand_over()

    def _count_read(self, line: Line, now_ms: int) -> None:
        """Count a read, or a control frame, which costs as much."""
        if not line.player:
            line.frames += 1
            if line.frames == STRANGER_READS_MAX:
                raise Broken(POLICY, f"more than {STRANGER_READS_MAX} pieces before the login")
            return
        if line.reads is None:
            line.reads = Bucket(CLIENT_READS_PER_SECOND, CLIENT_READS_PER_SECOND, now_ms)
        if not line.reads.take(now_ms):
            raise Broken(POLICY, f"more than {CLIENT_READS_PER_SECOND} pieces a second")

    # To clients.

    def let_in(self, number: int) -> None:
        """A stranger is a player now."""
        line = self.lines.get(number)
        if line is not None and not line.player:
            line.player = True
            self.strangers.entered(line.where)

    def write(self, number: int, data: bytes) -> None:
        """Send websocket frames, whole ones."""
        line = self.lines.get(number)
        if line is not None and line.stage is Stage.OPEN and data:
            self._write(line, data)
            if line.unsent:
                self._say(Backlog(number, len(line.unsent)))

    def part(self, number: int, code: int, reason: str, *, at_once: bool = False, fault: bool = False) -> None:
        """Close a connection with a websocket close code and words. `fault`: its address pays for it."""
        self._hand_over()
        line = self.lines.get(number)
        if line is None or line.stage is Stage.PARTING:
            return
        now_ms = self._now_ms()
        if fault:
            self.strangers.fault(now_ms, line.where)
        if line.stage is Stage.OPEN and not at_once:
            self._write(line, closing(code, reason))
        if at_once:
            self._abort(line)
        elif line.stage is not Stage.GONE:
            self._part_later(line, now_ms, fault)

    def _part_later(self, line: Line, now_ms: int, fault: bool = False) -> None:
        """Send nothing more, and close when the client does, or soon."""
        was_open = line.stage is Stage.OPEN
        line.stage, line.since_ms, line.frames = Stage.PARTING, now_ms, 0
        if not line.unsent:
            with contextlib.suppress(OSError):
                line.stream.shutdown(socket.SHUT_WR)
        if fault:  # nothing of it is read any more
            self._inboxes.drop(line.stream)
            self._cut.append(line)
            if len(self._cut) == 1:
                self._loop.call_later(CUT_LINGER_MS / 1000, self._end_cut)
        if was_open:
            self._say(Closed(line.number))

    def _end_cut(self) -> None:
        now_ms = self._now_ms()
        while self._cut and now_ms - self._cut[0].since_ms >= CUT_LINGER_MS:
            self._end(self._cut.popleft())
        if self._cut:
            wait_ms = max(CUT_LINGER_MS - (now_ms - self._cut[0].since_ms), 1)
            self._loop.call_later(wait_ms / 1000, self._end_cut)

    def _write(self, line: Line, data: bytes) -> None:
        if line.unsent:
            line.unsent += data
        else:
            try:
                sent = line.stream.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self._end(line)
                return
            if sent == len(data):
                return
            line.unsent = bytearray(memoryview(data)[sent:])
            self._loop.add_writer(line.stream, self._writable, line)
        if len(line.unsent) > (CLIENT_UNSENT_BYTES_MAX if line.player else STRANGER_UNSENT_BYTES_MAX):
            self._abort(line)

    def _writable(self, line: Line) -> None:
        assert line.unsent is not None
        try:
            sent = line.stream.send(line.unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._end(line)
            return
        del line.unsent[:sent]
        left = len(line.unsent)
        if not left:
            line.unsent = None
            self._loop.remove_writer(line.stream)
            if line.stage is Stage.PARTING:
                with contextlib.suppress(OSError):
                    line.stream.shutdown(socket.SHUT_WR)
        if line.stage is Stage.OPEN:
            self._say(Backlog(line.number, left))

    # By the clock.

    def _turn(self) -> None:
        """Look at the deadlines of some, in turns."""
        self._waking = self._loop.call_later(TURN_S, self._turn)
        now_ms = self._now_ms()
        quiet_ms = self.limits.quiet_ms
        for _ in range(min(len(self._round), TURN_LINES)):
            line = self._round.popleft()
            if line.stage is Stage.OPEN and now_ms - line.since_ms <= quiet_ms:  # nearly all of them
                self._round.append(line)
                continue
            if line.stage is not Stage.GONE:
                self._check(line, now_ms)
            if line.stage is not Stage.GONE:
                self._round.append(line)
        while self._waiting and (self._waiting[0].stage is Stage.GONE or self._waiting[0].player):
            self._waiting.popleft()

    def _check(self, line: Line, now_ms: int) -> None:
        waited_ms, limits = now_ms - line.since_ms, self.limits
        if line.stage is Stage.PARTING:
            if waited_ms > CLOSE_LINGER_MS:
                self._abort(line)
        elif line.stage is Stage.OPENING:
            if waited_ms > limits.opening_ms:
                self.part(line.number, POLICY, "", at_once=True, fault=True)
        elif waited_ms > 2 * limits.quiet_ms:
            self.part(line.number, POLICY, "", at_once=True)
        elif waited_ms > limits.quiet_ms and not line.asked and not line.unsent:
            line.asked = True
            self._write(line, control(PING))

    # Ends.

    def _abort(self, line: Line) -> None:
        """Close without sending what is unsent."""
        with contextlib.suppress(OSError):
            line.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._end(line)

    def _end(self, line: Line) -> None:
        if line.stage is Stage.GONE:
            return
        was_open = line.stage is Stage.OPEN
        line.stage = Stage.GONE
        self._inboxes.drop(line.stream)
        if line.unsent:
            self._loop.remove_writer(line.stream)
        line.unsent, line.incoming, line.held = None, None, b""
        line.stream.close()
        del self.lines[line.number]
        self.strangers.gone(line.where, line.player)
        if was_open:
            self._say(Closed(line.number))
