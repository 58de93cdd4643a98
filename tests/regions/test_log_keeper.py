"""The log server's keeper: real servers that die, hang or give up a log are started again, and the operator is told."""

import asyncio
import os
import resource
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from regions.shell import log_keeper
from regions.shell.log import Durable, Outcome, Unknown
from regions.shell.log_keeper import LogKeeper
from regions.shell.nats import connect
from regions.shell.nats_log import Log
from regions.shell.nats_server import NatsServer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_keeper, "HEALTH_S", 0.1)


Scenario = Callable[[NatsServer, LogKeeper, list[str], Log], Awaitable[None]]


def kept(world: Path, scenario: Scenario) -> None:
    async def whole() -> None:
        server, said = NatsServer(world), list[str]()
        keeper = LogKeeper(server, said.append)
        try:
            async with asyncio.timeout(60):
                await server.start()
                keeping = asyncio.create_task(keeper.run())
                outside = await connect(server.url, server.token, "test")
                log = Log(outside, "A")
                await log.create(1, 4 << 20)
                assert await log.append(1, b"kept") == Durable(1)
                await scenario(server, keeper, said, log)
                assert await log.read(1, 1) == [(1, b"kept")]
                await outside.close()
                keeping.cancel()
                await asyncio.wait([keeping])
        finally:
            await server.stop()

    asyncio.run(whole())


async def settled(log: Log, position: int) -> Outcome:
    while isinstance(outcome := await log.append(position, b"mine", 0.5), Unknown):
        await asyncio.sleep(0.05)
    return outcome


def stop_growth(pid: int, bytes_max: int) -> None:
    """No file of this process may grow past this size; it meets a full disk in the same way."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_max, resource.RLIM_INFINITY))


def test_a_killed_server_is_started_again(tmp_path: Path) -> None:
    async def scenario(server: NatsServer, keeper: LogKeeper, said: list[str], log: Log) -> None:
        for _ in range(2):
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
            while not server.serving:
                await asyncio.sleep(0.01)
        assert await settled(log, 2) == Durable(2)
        assert keeper.restarts == 2
        assert said == ["the log server ended with status -9; starting it again"] * 2

    kept(tmp_path, scenario)


def test_a_server_that_gave_up_a_log_is_started_again(tmp_path: Path) -> None:
    async def scenario(server: NatsServer, keeper: LogKeeper, said: list[str], log: Log) -> None:
        stop_growth(server.pid, 16)
        assert await settled(log, 2) == Durable(2), "without any hand"
        assert keeper.restarts == 1
        assert "the log server is ill" in said[0]
        assert "file too large" in said[0]

    kept(tmp_path, scenario)


def test_a_server_that_hangs_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regions.shell.nats_monitor.ANSWER_S_MAX", 0.2)

    async def scenario(server: NatsServer, keeper: LogKeeper, said: list[str], log: Log) -> None:
        os.kill(server.pid, signal.SIGSTOP)
        while not keeper.restarts:
            await asyncio.sleep(0.05)
        assert await settled(log, 2) == Durable(2)
        assert "does not answer" in said[0]

    kept(tmp_path, scenario)


def test_restarts_in_vain_become_rarer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ails it comes back at once, for its healthy logs are interrupted by every restart."""
    monkeypatch.setattr(log_keeper, "HEALTH_S", 0.01)

    async def scenario(server: NatsServer, keeper: LogKeeper, said: list[str], log: Log) -> None:
        looks = [0] * 5

        async def still_ill() -> str:
            endings = sum("ending it" in words for words in said)
            looks[endings] += 1
            return "the disk fails" if endings < 4 else ""

        monkeypatch.setattr(server, "ailment", still_ill)
        while keeper.restarts < 4 or not server.serving:
            await asyncio.sleep(0.01)
        assert looks[1:4] == [6, 12, 24]
        assert await settled(log, 2) == Durable(2)

    kept(tmp_path, scenario)


def test_without_room_it_is_left_alone_and_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_keeper, "ROOM_BYTES_MIN", 1 << 60)

    async def scenario(server: NatsServer, keeper: LogKeeper, said: list[str], log: Log) -> None:
        stop_growth(server.pid, 16)
        assert isinstance(await log.append(2, b"mine", 0.2), Unknown)
        await asyncio.sleep(1)
        assert (len(said), keeper.restarts) == (1, 0)
        assert said[0].startswith("ALARM: the log server is ill")
        monkeypatch.setattr(log_keeper, "ROOM_BYTES_MIN", 1)
        assert await settled(log, 2) == Durable(2)
        assert keeper.restarts == 1

    kept(tmp_path, scenario)
