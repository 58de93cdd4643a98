"""The gateway as a process of its own, on a real bus with real region cores behind it."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from archive.keys import Ed25519Key
from clients.connection import Connection
from clients.session import Acknowledged, News
from regions import messages
from regions.errors import ConfigError
from regions.shell.gateway import Settings
from regions.shell.nats import Outside, connect
from regions.shell.nats_server import NatsServer
from tests.regions.little_world import LittleWorld
from world.actions import Move

SHORT = "abcdef012345"


async def behind(world: LittleWorld, outside: Outside) -> None:
    """Let a little world live on the bus, in real time."""
    inbox: list[tuple[str, bytes]] = []
    outbox: list[tuple[str, bytes]] = []

    def listen(subject: str) -> None:
        world.listen(subject, lambda raw: outbox.append((subject, raw)))

    for subject in ("delta", "beat", "answer", "answer.g1"):
        listen(subject)
    for subject in ("in.*", "where", "world"):
        await outside.bus.subscribe(f"{SHORT}.{subject}", lambda subject, data: inbox.append((subject, data)))
    loop = asyncio.get_running_loop()
    began, start_ms = loop.time(), world.now_ms
    while True:
        taken, inbox[:] = list(inbox), []
        for subject, data in taken:
            world.publish(subject.removeprefix(f"{SHORT}."), data)
        world.advance(start_ms + int((loop.time() - began) * 1000))
        sent, outbox[:] = list(outbox), []
        for subject, data in sent:
            region = f".{getattr(messages.decode(data), 'region', 0)}" if subject in ("delta", "beat") else ""
            await outside.bus.publish(f"{SHORT}.{subject}{region}", data)
        await asyncio.sleep(0.004)


def orders(world: LittleWorld, server: NatsServer, **other: object) -> bytes:
    words = {
        "bus": server.url,
        "token": server.door_token("gateway"),
        "world": world.world.hex(),
        "short": SHORT,
        "regions": len(world.rectangles),
        "rectangles": world.rectangles,
        "host": "127.0.0.1",
        "port": 0,
        "name": "g1",
    }
    return json.dumps(words | other).encode() + b"\n"


def served(folder: Path, scene: Callable[[Process, int, LittleWorld], Awaitable[None]]) -> None:
    async def whole() -> None:
        world = LittleWorld()
        server = NatsServer(folder)
        await server.start()
        outside = await connect(server.url, server.token, "test")
        living = asyncio.create_task(behind(world, outside))
        gateway = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "regions.shell.gateway", stdin=PIPE, stdout=PIPE
        )
        try:
            assert gateway.stdin is not None and gateway.stdout is not None
            gateway.stdin.write(orders(world, server))
            async with asyncio.timeout(60):
                port = json.loads(await gateway.stdout.readline())["listening"]
                await scene(gateway, port, world)
        finally:
            if gateway.returncode is None:
                gateway.kill()
            await gateway.wait()
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await outside.close()
            await server.stop()

    asyncio.run(whole())


async def browse(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    text = (await reader.read(4096)).decode()
    writer.close()
    return text


def test_players_act_through_a_real_process_and_it_ends_when_told(tmp_path: Path) -> None:
    async def scene(gateway: Process, port: int, world: LittleWorld) -> None:
        assert "connect with a websocket" in await browse(port)
        news: list[News] = []
        player = Connection(f"ws://127.0.0.1:{port}", Ed25519Key.generate(), heard=news.append)
        task = asyncio.create_task(player.run())
        sent = 0
        while len([one for one in news if isinstance(one, Acknowledged)]) < 20:
            if player.serving and sent < 20:
                player.act(Move(sent, 1))
                sent += 1
            await asyncio.sleep(0.01)
        assert not player.session.pending and player.seen is not None
        assert gateway.stdin is not None
        gateway.stdin.write(b'{"stop": true}\n')
        assert await asyncio.wait_for(gateway.wait(), 5) == 0
        await player.stop()
        await asyncio.wait_for(task, 5)

    served(tmp_path, scene)


@pytest.mark.parametrize("how", ["end of input", "SIGTERM"])
def test_the_process_ends_in_order(tmp_path: Path, how: str) -> None:
    async def scene(gateway: Process, port: int, world: LittleWorld) -> None:
        if how == "SIGTERM":
            gateway.send_signal(signal.SIGTERM)
        else:
            assert gateway.stdin is not None
            gateway.stdin.close()
        assert await asyncio.wait_for(gateway.wait(), 5) == 0

    served(tmp_path, scene)


def test_settings_that_contradict_one_another_are_refused() -> None:
    rectangles = ((0, 0, 0, 0), (0, 0, 4, 4))
    good = Settings("nats://x", "t", "00" * 32, SHORT, 2, rectangles, 0, "g1")
    assert good.door().world_tiles == (64, 64)
    with pytest.raises(ConfigError, match="3 regions and 2 rectangles"):
        Settings("nats://x", "t", "00" * 32, SHORT, 3, rectangles, 0, "g1").door()
    with pytest.raises(ConfigError, match="expected 32"):
        Settings("nats://x", "t", "00" * 31, SHORT, 2, rectangles, 0, "g1").door()
