"""Strangers at a real gateway's door on real sockets: offenders and laggards are cut, and those in play go on.

The figures are `python -m tests.doors`; here is what must hold on any machine, with small limits.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from archive.keys import Ed25519Key
from clients.connection import Connection
from clients.seen import warm
from regions.handshake import seal
from regions.protocol import FLAG_ANEW, FLAG_SLOWED, VIEW, LookAgain, encode
from regions.shell.gateway import Shell
from regions.strangers import Limits
from tests.clients.little_door import door, until
from tests.clients.test_connection import Listener
from tests.doors.malformed import kinds
from tests.doors.wire import PONG, REQUEST, frame, frames, told
from tests.regions.little_world import LittleWorld
from world.actions import Move

Scene = Callable[[str, Shell], Awaitable[None]]


def played(scene: Scene, limits: Limits | None = None, world: LittleWorld | None = None, pace: float = 1.0) -> None:
    """Play a scene at a door."""
    warm()

    async def whole() -> None:
        async with door(world or LittleWorld(), pace, limits) as (url, shell), asyncio.timeout(300):
            await scene(url, shell)

    asyncio.run(whole())


class Stranger:
    """A plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def heard(self) -> bytes:
        """Everything until it is cut."""
        found = b""
        with contextlib.suppress(ConnectionError):
            while data := await self.reader.read(65_536):
                found += data
        self.writer.close()
        return found


async def come(url: str, address: str = "127.0.0.1") -> Stranger:
    port = int(url.rpartition(":")[2])
    return Stranger(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))


async def played_on(player: Listener) -> None:
    """Somebody in play does something, and it is done."""
    done = len(player.acked())
    player.connection.act(Move(done % 50, 1))
    await until(lambda: len(player.acked()) > done)
    assert not player.connection.reconnects


def test_every_kind_of_offender_is_cut_and_whoever_plays_goes_on() -> None:
    async def scene(url: str, shell: Shell) -> None:
        player = Listener(url)
        await until(lambda: player.connection.serving and player.frames)
        for number, kind in enumerate(kinds()):
            offender = await come(url)
            await offender.say(kind.opening + kind.batch)
            await offender.heard()
            assert shell.lines.strangers.faults == number + 1, kind.name
        await played_on(player)
        await until(lambda: len(shell.lines.lines) == 1)
        assert len(shell.core.clients) == 1 and not shell.lines.strangers.count
        await player.leave()

    played(scene)


def test_an_offender_is_told_why() -> None:
    async def scene(url: str, shell: Shell) -> None:
        offender = await come(url)
        await offender.say(REQUEST + frame(b"\xc1"))
        found, _ = frames(await offender.heard())
        assert b"not a client frame" in found[0][1]
        assert found[1][0] == 8 and found[1][1][:2] == (1008).to_bytes(2)

    played(scene)


@pytest.mark.parametrize("way", ["wrong MAC", "number twice", "numbers skipped", "more than may be"])
def test_a_player_who_sends_what_a_player_may_not_is_cut(way: str) -> None:
    async def scene(url: str, shell: Shell) -> None:
        cheat, player = Listener(url), Listener(url)
        await until(lambda: cheat.connection.serving and player.frames)
        session, wire = cheat.connection.session, cheat.connection._socket
        assert wire is not None
        look, number, key = encode(LookAgain()), session.frames_sent, session._key
        good = seal(key, number + 1, look)
        bad = {
            "wrong MAC": [good[:-1] + bytes([good[-1] ^ 1])],
            "number twice": [good, good],
            "numbers skipped": [seal(key, number + 2, look)],
            "more than may be": [seal(key, number + 1 + i, look) for i in range(300)],
        }
        with contextlib.suppress(Exception):
            for one in bad[way]:
                await wire.send(one)
        await asyncio.wait_for(cheat.task, 10)
        assert cheat.connection.over and shell.lines.strangers.faults == 1
        await played_on(player)
        await player.leave()

    played(scene)


@pytest.mark.parametrize(
    "said, every_s",
    [(b"", 0.0), (REQUEST[:-4], 0.0), (REQUEST, 0.02), (REQUEST + b"!", 0.0), (REQUEST + frame(bytes(4_000)), 0.05)],
    ids=["nothing", "half a request", "a dripping request", "half a frame", "a dripping frame"],
)
def test_who_is_slow_before_the_login_is_cut(said: bytes, every_s: float) -> None:
    async def scene(url: str, shell: Shell) -> None:
        slow = await come(url)
        heard = asyncio.create_task(slow.heard())
        if not every_s:
            await slow.say(said)
        for byte in said if every_s else b"":
            if not heard.done():
                await slow.say(bytes([byte]))
                await asyncio.sleep(every_s)
        await heard
        assert shell.lines.strangers.faults == 1
        await until(lambda: not shell.lines.lines and not shell.core.clients)

    played(scene, Limits(opening_ms=300, login_ms=300))


def test_whoever_gives_no_sign_of_life_is_cut_and_who_answers_is_not() -> None:
    async def scene(url: str, shell: Shell) -> None:
        living = Listener(url)  # its library answers pings
        await until(lambda: living.connection.serving)
        gone = await come(url)
        await gone.say(REQUEST)
        heard, _ = frames(await gone.heard())
        assert [opcode for opcode, _ in heard] == [9], "asked once"
        await asyncio.sleep(1)
        assert living.connection.serving and not living.connection.reconnects
        await living.leave()

    played(scene, Limits(quiet_ms=300))


def test_an_address_has_so_many_sockets_before_login_and_others_come_in() -> None:
    async def scene(url: str, shell: Shell) -> None:
        held = [await come(url, "127.0.0.9") for _ in range(3)]
        assert await (await come(url, "127.0.0.9")).heard() == b""
        assert shell.lines.strangers.turned_away == 1
        other = await come(url, "127.0.0.10")
        await other.say(REQUEST)
        assert (await other.reader.read(12)) == b"HTTP/1.1 101"
        held[0].writer.close()
        await until(lambda: shell.lines.strangers.count == 3)
        again = await come(url, "127.0.0.9")
        await again.say(REQUEST)
        assert (await again.reader.read(12)) == b"HTTP/1.1 101"
        for one in (*held, other, again):
            one.writer.close()

    played(scene, Limits(address_strangers=3))


def test_an_address_that_makes_only_faults_is_soon_turned_away_unread() -> None:
    async def scene(url: str, shell: Shell) -> None:
        player = Listener(url)
        await until(lambda: player.connection.serving)
        for _ in range(60):
            offender = await come(url, "127.0.0.9")
            await offender.say(REQUEST + frame(b"\xc1"))
            await offender.heard()
        strangers = shell.lines.strangers
        assert strangers.faults < 20 and strangers.turned_away + strangers.faults == 60
        await played_on(player)
        await player.leave()

    played(scene)


def test_when_all_places_are_taken_the_oldest_stranger_gives_way() -> None:
    async def scene(url: str, shell: Shell) -> None:
        player = Listener(url)
        await until(lambda: player.connection.serving)
        held = [await come(url) for _ in range(8)]
        await until(lambda: shell.lines.strangers.count == 8)
        late = Listener(url)
        await until(lambda: late.connection.serving)
        assert await held[0].heard() == b"" and shell.lines.strangers.count == 7
        await played_on(player)
        for one in held[1:]:
            one.writer.close()
        await player.leave()
        await late.leave()

    played(scene, Limits(strangers=8))


@pytest.mark.parametrize("within", [False, True])
def test_pings_that_are_not_read_do_not_pile_up_their_answers(within: bool) -> None:
    async def scene(url: str, shell: Shell) -> None:
        flood = frame(b"x" * 120, 9) * 40
        if within:
            player = Listener(url)
            await until(lambda: player.connection.serving)
            assert player.connection._socket is not None
            stream = player.connection._socket.transport
            stream.pause_reading()  # type: ignore[attr-defined]
            for _ in range(20):
                stream.write(flood)
                await asyncio.sleep(0)
            await until(lambda: shell.lines.strangers.faults)
            await player.connection.stop()
            await asyncio.wait_for(player.task, 5)
            return
        stranger = await come(url)
        await stranger.say(REQUEST)
        for _ in range(20):
            await stranger.say(flood)
        await stranger.heard()
        assert shell.lines.strangers.faults == 1

    played(scene)


def test_a_reader_who_is_too_slow_is_shown_less_and_told_so_and_one_who_reads_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("regions.shell.lines.SOCKET_BYTES", 4_096)
    monkeypatch.setattr("regions.sights.CLIENT_BACKLOG_BYTES_MAX", 8_192)
    monkeypatch.setattr("regions.sights.BACKLOG_RESUMES", 2_048)
    monkeypatch.setattr("regions.gateway.STUCK_MS", 1_500)

    async def scene(url: str, shell: Shell) -> None:
        player = Listener(url)
        await until(lambda: player.connection.serving and player.frames)
        port = int(url.rpartition(":")[2])
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        stream.setblocking(False)
        await asyncio.get_running_loop().sock_connect(stream, ("127.0.0.1", port))
        slow = await _enter(stream)
        asked = asyncio.create_task(_ask_for_all(slow))
        await until(lambda: shell.core.sights.skipped > 3, 30)
        assert max(len(line.unsent or b"") for line in shell.lines.lines.values()) < 8_192 + 65_536
        seen = await _read(slow, 2.0)
        assert any(one[2] & FLAG_SLOWED and one[2] & FLAG_ANEW for one in seen)
        assert not seen[-1][2] & FLAG_SLOWED, "it keeps up again"
        await until(lambda: len(shell.core.clients) == 1, 20)
        asked.cancel()
        await played_on(player)
        stream.close()
        await player.leave()

    played(scene, world=LittleWorld(shape=(1, 1), tiles=(64, 64)), pace=8.0)


async def _enter(stream: socket.socket) -> dict[str, Any]:
    """Log in on a plain socket."""
    from clients.session import Session

    loop, session, held = asyncio.get_running_loop(), Session(Ed25519Key.generate()), b""
    await loop.sock_sendall(stream, REQUEST + b"".join(map(frame, session.opened(bytes(range(32))))))
    while session.welcome is None:
        arrays, held = told(held + await loop.sock_recv(stream, 4_096))
        for array in arrays:
            for answer in session.told(0, array)[0]:
                await loop.sock_sendall(stream, frame(answer))
    return {"stream": stream, "session": session, "held": held}


async def _ask_for_all(slow: dict[str, Any]) -> None:
    """LookAgain, as often as a player may ask."""
    loop, session = asyncio.get_running_loop(), slow["session"]
    with contextlib.suppress(OSError):
        while True:
            session.frames_sent += 1
            await loop.sock_sendall(slow["stream"], frame(seal(session._key, session.frames_sent, encode(LookAgain()))))
            await loop.sock_sendall(slow["stream"], frame(b"", PONG))
            await asyncio.sleep(0.03)


async def _read(slow: dict[str, Any], seconds: float) -> list[bytes]:
    """The view frames that come whole."""
    loop, views = asyncio.get_running_loop(), list[bytes]()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                found, slow["held"] = frames(slow["held"] + await loop.sock_recv(slow["stream"], 65_536))
                views += [payload for opcode, payload in found if opcode == 2 and payload[0] == VIEW]
    return views


def test_a_client_that_is_told_to_come_again_does_so_and_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(url: str, shell: Shell) -> None:
        monkeypatch.setattr("regions.admission.LOGINS_WAITING_MAX", 0)
        monkeypatch.setattr("regions.admission.Admission.full_ms", 700)
        player = Listener(url)
        await until(lambda: player.connection.reconnects)
        begun = asyncio.get_running_loop().time()
        monkeypatch.undo()
        await until(lambda: player.connection.serving)
        assert asyncio.get_running_loop().time() - begun > 0.6, "not before it was told to"
        await player.leave()

    played(scene)


def test_a_storm_of_returning_players_gets_in() -> None:
    async def scene(url: str, shell: Shell) -> None:
        player = Listener(url)
        storm = [Connection(url, Ed25519Key.generate()) for _ in range(60)]
        tasks = [asyncio.create_task(one.run()) for one in storm]
        await until(lambda: all(one.serving for one in storm), 30)
        bodies = {one.session.entity for one in storm}
        for one in storm:
            one.drop()
        await until(lambda: all(one.reconnects == 1 and one.serving for one in storm), 30)
        assert {one.session.entity for one in storm} == bodies and len(bodies) == 60, "each has its own body again"
        await until(lambda: player.connection.serving)
        await played_on(player)
        assert not shell.lines.strangers.faults and len(shell.core.clients) == 61, "of each the newer connection alone"
        for one in storm:
            await one.stop()
        await asyncio.gather(*tasks)
        await player.leave()

    played(scene)
