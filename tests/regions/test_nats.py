"""The connection and the bus, on a real server that dies and comes back."""

import asyncio
import gc
import os
import signal
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from regions.shell.log import Durable
from regions.shell.nats import Outside, connect
from regions.shell.nats_log import Log
from regions.shell.nats_server import NatsServer

Connect = Callable[[], Awaitable[Outside]]


def served(world: Path, scenario: Callable[[NatsServer, Connect], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(60):
            server = NatsServer(world)
            await server.start()
            stack.push_async_callback(server.stop)

            async def another() -> Outside:
                outside = await connect(server.url, server.token, "test")
                stack.push_async_callback(outside.close)
                return outside

            await scenario(server, another)

    asyncio.run(whole())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_the_bus_carries_messages_in_order_to_every_subscriber(tmp_path: Path) -> None:
    async def scenario(server: NatsServer, another: Connect) -> None:
        heard: list[tuple[str, bytes]] = []
        everything: list[tuple[str, bytes]] = []
        one, two = await another(), await another()
        listening = await two.bus.subscribe("d.world.*", lambda subject, data: heard.append((subject, data)))
        await two.bus.subscribe("d.>", lambda subject, data: everything.append((subject, data)))
        await asyncio.sleep(0.05)
        sent = [(f"d.world.{number % 3}", str(number).encode()) for number in range(1000)]
        for subject, data in sent:
            await one.bus.publish(subject, data)
        await until(lambda: len(everything) == 1000)
        assert heard == everything == sent
        await listening.stop()
        await one.bus.publish("d.world.1", b"last")
        await until(lambda: len(everything) == 1001)
        assert len(heard) == 1000
        assert (one.bus.unsent, two.missed) == (0, 0)

    served(tmp_path, scenario)


def test_the_bus_drops_while_the_server_is_away_and_goes_on_after(tmp_path: Path) -> None:
    async def scenario(server: NatsServer, another: Connect) -> None:
        heard: list[bytes] = []
        outside = await another()
        await outside.bus.subscribe("x", lambda _, data: heard.append(data))
        os.kill(server.pid, signal.SIGKILL)
        await server.wait()
        await until(lambda: not outside.connected)
        for _ in range(5):
            await outside.bus.publish("x", b"lost")
        assert outside.bus.unsent == 5
        await server.restart()
        await until(lambda: outside.reconnects == 1)
        while not heard:
            await outside.bus.publish("x", b"after")
            await asyncio.sleep(0.01)
        assert set(heard) == {b"after"}

    served(tmp_path, scenario)


def test_a_connection_the_library_gave_up_is_made_again(tmp_path: Path) -> None:
    async def scenario(server: NatsServer, another: Connect) -> None:
        heard: list[bytes] = []
        outside = await another()
        await outside.bus.subscribe("x", lambda _, data: heard.append(data))
        log = Log(outside, "A")
        await log.create(1, 1 << 20)
        follower = log.follow(1)
        await outside._client.close()
        await until(lambda: outside.reconnects == 1)
        assert await log.append(1, b"one") == Durable(1)
        assert await anext(follower) == (1, b"one")
        await outside._client.close()
        await until(lambda: outside.reconnects == 2)
        assert await log.append(2, b"two") == Durable(2)
        assert await anext(follower) == (2, b"two")
        await follower.aclose()
        await outside.bus.publish("x", b"here")
        await until(lambda: heard == [b"here"])

    served(tmp_path, scenario)


def test_a_connection_that_ends_before_it_is_greeted_is_closed(tmp_path: Path) -> None:
    """A server killed as soon as it listens: the library opens the next connection and forgets the one before."""

    async def scenario(server: NatsServer, another: Connect) -> None:
        outside = await another()
        port = int(server.url.rpartition(":")[2])
        os.kill(server.pid, signal.SIGKILL)
        await server.wait()
        calls = 0

        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal calls
            calls += 1
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", port):
            await until(lambda: calls == 3)
        await server.restart()
        await until(lambda: outside.reconnects == 1)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        served(tmp_path, scenario)
        gc.collect()
    assert [str(one.message) for one in said] == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see that a process is stopped")
def test_a_server_that_hangs_costs_the_time_out_and_no_more(tmp_path: Path) -> None:
    async def scenario(server: NatsServer, another: Connect) -> None:
        outside = await another()
        os.kill(server.pid, signal.SIGSTOP)
        await until(lambda: ") T " in Path(f"/proc/{server.pid}/stat").read_text())
        try:
            for _ in range(3):
                with pytest.raises((TimeoutError, ConnectionError)):
                    await outside.request("$JS.API.INFO", b"", 0.2)
            for _ in range(200):
                await outside.bus.publish("x", bytes(100_000))
            assert outside.bus.unsent > 0, "no queue grows without bound"
        finally:
            os.kill(server.pid, signal.SIGCONT)
        log = Log(outside, "A")
        await until(lambda: outside.writable)
        await log.create(1, 1 << 20)

    served(tmp_path, scenario)


def test_a_subscriber_that_fails_is_reported_and_hears_on(tmp_path: Path) -> None:
    async def scenario(server: NatsServer, another: Connect) -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        heard: list[bytes] = []

        def callback(subject: str, data: bytes) -> None:
            heard.append(data)
            if data == b"bad":
                raise RuntimeError("refused")

        outside = await another()
        await outside.bus.subscribe("x", callback)
        for data in (b"bad", b"good"):
            await outside.bus.publish("x", data)
        await until(lambda: heard == [b"bad", b"good"])
        assert [type(context["exception"]) for context in reported] == [RuntimeError]

    served(tmp_path, scenario)


def test_a_message_above_the_servers_limit_is_an_error_of_the_sender(tmp_path: Path) -> None:
    async def scenario(server: NatsServer, another: Connect) -> None:
        outside = await another()
        with pytest.raises(ValueError, match="1048576"):
            await outside.bus.publish("x", bytes(2 << 20))
        assert outside.connected

    served(tmp_path, scenario)


def test_no_server_is_an_error_in_bounded_time(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="no NATS at"):
        asyncio.run(connect("nats://127.0.0.1:1", "", "test", connect_s_max=0.3))
