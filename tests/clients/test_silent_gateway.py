"""A gateway that is gone without a word: the connection stands for the system, and nothing comes any more."""

import asyncio

from archive.keys import Ed25519Key
from clients.connection import Connection
from tests.chaos.wire import Wire
from tests.clients.little_door import door, until
from tests.regions.little_world import LittleWorld


def test_a_half_open_connection_is_noticed_and_replaced() -> None:
    async def scene() -> None:
        async with door(LittleWorld()) as (url, _):
            wire = Wire(0, int(url.rpartition(":")[2]), named=False)
            await wire.open()
            frames = 0

            def shown(*_: object) -> None:
                nonlocal frames
                frames += 1

            player = Connection(f"ws://127.0.0.1:{wire.face}", Ed25519Key.generate(), shown=shown)
            running = asyncio.create_task(player.run())
            await until(lambda: player.serving and frames > 2)
            for line in wire.lines:
                line.lost = [True, True]
            await until(lambda: player.reconnects and player.serving, 20.0)
            assert player.reconnects == 1 and not player.over
            await player.stop()
            await asyncio.wait_for(running, 5)
            await wire.close()

    asyncio.run(scene())


def test_a_world_that_shows_nothing_for_a_while_is_no_reason_to_leave_its_gateway() -> None:
    async def scene() -> None:
        async with door(LittleWorld(), pace=0.0) as (url, _):
            player = Connection(url, Ed25519Key.generate())
            running = asyncio.create_task(player.run())
            await asyncio.sleep(7.0)
            assert player.reconnects == 0 and not player.over
            await player.stop()
            await asyncio.wait_for(running, 5)

    asyncio.run(scene())
