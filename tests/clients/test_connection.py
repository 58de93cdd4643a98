"""A client's connection over real sockets: it logs in, acts, comes back, resumes, and knows when not to come back."""

import asyncio
from pathlib import Path
from socket import SO_RCVBUF, SOL_SOCKET

import pytest
from websockets.asyncio.client import connect

from archive.errors import ArchiveError
from archive.keys import Ed25519Key
from clients.connection import Connection, wallet_file
from clients.session import Acknowledged, News, Welcomed
from regions.config import CLIENT_FRAME_BYTES_MAX
from tests.clients.little_door import door, until
from tests.regions.little_world import LittleWorld
from tests.regions.test_gateway import acts_of
from world.actions import Move


class Listener:
    """A connection and all it heard."""

    def __init__(self, url: str, wallet: Ed25519Key | None = None) -> None:
        self.news: list[News] = []
        self.frames = 0
        self.connection = Connection(
            url, wallet or Ed25519Key.generate(), heard=self.news.append, shown=lambda frame, size: self._shown()
        )
        self.task = asyncio.create_task(self.connection.run())

    def _shown(self) -> None:
        self.frames += 1

    def acked(self) -> list[Acknowledged]:
        return [one for one in self.news if isinstance(one, Acknowledged)]

    async def leave(self) -> None:
        await self.connection.stop()
        await asyncio.wait_for(self.task, 5)


def test_it_logs_in_acts_and_sees_itself_move() -> None:
    async def scene() -> None:
        async with door(LittleWorld()) as (url, _):
            player = Listener(url)
            await until(lambda: player.connection.serving and player.frames > 2)
            number = player.connection.act(Move(0, 100))
            await until(player.acked)
            assert player.acked()[0].action.number == number == 2

            def moved() -> bool:
                body = player.connection.seen and player.connection.seen.find(player.connection.session.entity)
                return body is not None and body.step_y > 0

            await until(moved)
            await player.leave()
            assert not player.connection.over

    asyncio.run(scene())


def test_it_comes_back_by_itself_and_every_action_is_done_once() -> None:
    world = LittleWorld()

    async def scene() -> Listener:
        async with door(world) as (url, _):
            player = Listener(url)
            await until(lambda: player.connection.serving)
            for step in range(40):
                player.connection.act(Move(step - 20, 7))
                if step % 10 == 5:
                    await until(lambda: player.connection.serving)
                    player.connection.drop()
                await asyncio.sleep(0.03)
            await until(lambda: len(player.acked()) == 40)
            await player.leave()
            return player

    player = asyncio.run(scene())
    assert player.connection.reconnects == 4
    assert len([one for one in player.news if isinstance(one, Welcomed)]) == 5
    logged = [body for _, body in acts_of(world, player.connection.session.entity) if not body.startswith(b"login")]
    assert logged == [one.action.body for one in player.acked()]


def test_it_waits_for_a_gateway_that_is_not_there_yet() -> None:
    async def scene() -> None:
        player = Listener("ws://127.0.0.1:9")  # nobody listens at the discard port
        await asyncio.sleep(0.5)
        assert player.connection.reconnects >= 2 and not player.connection.over
        await player.leave()

    asyncio.run(scene())


def test_it_does_not_come_back_when_a_newer_session_has_the_body() -> None:
    async def scene() -> None:
        async with door(LittleWorld()) as (url, _):
            wallet = Ed25519Key.generate()
            laptop = Listener(url, wallet)
            await until(lambda: laptop.connection.serving)
            phone = Listener(url, wallet)
            await until(lambda: phone.connection.serving)
            await asyncio.wait_for(laptop.task, 5)
            assert "newer session" in laptop.connection.over
            await phone.leave()

    asyncio.run(scene())


def test_it_does_not_come_back_when_the_gateway_finds_fault_with_it() -> None:
    """It once did, for ever: the library raises for a close with this code, and the code was looked at only after."""

    async def scene() -> None:
        async with door(LittleWorld()) as (url, _):
            player = Listener(url)
            await until(lambda: player.connection.serving)
            assert player.connection._socket is not None
            await player.connection._socket.send(bytes(40))
            await asyncio.wait_for(player.task, 10)
            assert "wrong MAC" in player.connection.over and not player.connection.reconnects

    asyncio.run(scene())


def test_it_does_not_enter_another_world_than_it_was_told() -> None:
    async def scene() -> None:
        async with door(LittleWorld()) as (url, _):
            connection = Connection(url, Ed25519Key.generate(), world=b"x" * 32)
            await asyncio.wait_for(connection.run(), 5)
            assert "expected 78787878" in connection.over

    asyncio.run(scene())


def test_the_door_refuses_text_too_large_frames_and_nonsense() -> None:
    async def scene() -> None:
        async with door(LittleWorld()) as (url, shell):
            for frame, code in (("words", 1003), (bytes(CLIENT_FRAME_BYTES_MAX + 1), 1009), (b"\xc1", 1008)):
                async with connect(url, compression=None) as socket:
                    await socket.send(frame)
                    while True:
                        try:
                            await asyncio.wait_for(socket.recv(), 5)
                        except Exception:
                            break
                    assert socket.close_code == code
            await until(lambda: not shell.core.clients)

    asyncio.run(scene())


def test_a_client_that_stops_reading_does_not_make_the_gateway_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its system buffers fill, its frames are skipped, and when it reads again it is shown everything anew."""
    # Small buffers everywhere, so that seconds are enough to fill them.
    monkeypatch.setattr("regions.shell.lines.SOCKET_BYTES", 4096)
    monkeypatch.setattr("regions.sights.CLIENT_BACKLOG_BYTES_MAX", 8192)
    monkeypatch.setattr("regions.sights.BACKLOG_RESUMES", 2048)
    world = LittleWorld(shape=(1, 1), tiles=(64, 64))

    async def scene() -> None:
        async with door(world, pace=8.0) as (url, shell):
            slow = Listener(url)
            others = [Listener(url) for _ in range(8)]
            await until(lambda: all(one.connection.serving and one.frames for one in (slow, *others)))
            socket = slow.connection._socket
            assert socket is not None
            stream = socket.transport.get_extra_info("socket")
            stream.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
            socket.transport.pause_reading()

            def stir() -> None:
                for place, one in enumerate(others):
                    if one.connection.session.room > 32:
                        one.connection.act(Move((place * 37 + one.frames * 11) % 200 - 100, one.frames % 200 - 100))

            async with asyncio.timeout(40):
                while shell.core.sights.skipped < 20:
                    stir()
                    await asyncio.sleep(0.02)
            waiting = max(len(line.unsent or b"") for line in shell.lines.lines.values())
            assert waiting < 16 * 1024
            frames = slow.frames
            socket.transport.resume_reading()
            await until(lambda: slow.frames > frames + 5 and not slow.connection.frames_bad, 20)
            for one in (slow, *others):
                await one.leave()

    asyncio.run(scene())


def test_a_wallet_file_is_made_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "wallet.json"
    assert wallet_file(path).public == wallet_file(path).public
    path.write_text('{"kty": "oct"}')
    with pytest.raises(ArchiveError):
        wallet_file(path)
