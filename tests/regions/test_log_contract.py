"""One contract for both logs: the one in memory and the one in NATS, on a server of its own that may be killed."""

import asyncio
import json
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from regions.shell.log import (
    RECORD_BYTES_MAX,
    Behind,
    Durable,
    Full,
    Impossible,
    LogBroken,
    LogGap,
    LogMissing,
    LogRefused,
    LogUnavailable,
    Outcome,
    Taken,
    Unknown,
)
from regions.shell.memory_log import Fault, MemoryLog, MemoryLogs
from regions.shell.nats import Outside, connect
from regions.shell.nats_log import Log
from regions.shell.nats_server import NatsServer
from regions.shell.nats_stream import outcome_of, stream_config

ROOM = 4 << 20
LOG = "world-e1-A"
AnyLog = Log | MemoryLog


class MemoryOutside:
    """Logs in memory, as the suite drives them."""

    def __init__(self) -> None:
        self.logs = MemoryLogs()
        self.copied = 0

    async def log(self, name: str) -> MemoryLog:
        """A handle as another process would hold it."""
        return MemoryLog(self.logs, name)

    async def delete(self, name: str) -> None:
        self.logs.delete(name)

    async def die(self) -> None:
        self.logs.leaderless = True

    async def come_back(self) -> None:
        self.logs.leaderless = False

    def stop_answering(self) -> None:
        self.logs.stalled = True

    def go_on(self) -> None:
        self.logs.stalled = False

    def fill_disk(self) -> None:
        self.logs.give_up(LOG)

    async def keep_copy(self) -> None:
        self.copied = self.logs.info(LOG).last

    async def set_back(self) -> None:
        self.logs.lose_tail(LOG, self.logs.info(LOG).last - self.copied)


class NatsOutside:
    """A NATS server of its own; every handle has a connection of its own."""

    def __init__(self, server: NatsServer, stack: AsyncExitStack) -> None:
        self.server = server
        self.stack = stack
        self.outsides: list[Outside] = []

    async def log(self, name: str) -> Log:
        outside = await connect(self.server.url, self.server.token, f"test {len(self.outsides)}")
        self.stack.push_async_callback(outside.close)
        self.outsides.append(outside)
        return Log(outside, name)

    async def delete(self, name: str) -> None:
        await self.outsides[0].request(f"$JS.API.STREAM.DELETE.{name}", b"", 2.0)

    async def die(self) -> None:
        os.kill(self.server.pid, signal.SIGKILL)
        await self.server.wait()

    async def come_back(self) -> None:
        await self.server.restart()

    def stop_answering(self) -> None:
        os.kill(self.server.pid, signal.SIGSTOP)
        while ") T " not in Path(f"/proc/{self.server.pid}/stat").read_text():
            time.sleep(0.001)  # a signal takes its time on a busy machine

    def go_on(self) -> None:
        os.kill(self.server.pid, signal.SIGCONT)

    def fill_disk(self) -> None:
        # No file may grow any more; the server meets a full disk in the same way (tests/durability has a real one).
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))

    async def keep_copy(self) -> None:
        await self.die()
        shutil.copytree(self.server.store_dir, self.server.log_dir / "copy")
        await self.come_back()

    async def set_back(self) -> None:
        await self.die()
        shutil.rmtree(self.server.store_dir)
        shutil.copytree(self.server.log_dir / "copy", self.server.store_dir)
        await self.come_back()


AnyOutside = MemoryOutside | NatsOutside


@asynccontextmanager
async def opened(kind: str, directory: Path) -> AsyncIterator[AnyOutside]:
    async with AsyncExitStack() as stack:
        if kind == "memory":
            yield MemoryOutside()
            return
        server = NatsServer(directory, store_bytes_max=256 << 20)
        await server.start()
        stack.push_async_callback(server.stop)
        yield NatsOutside(server, stack)


Scenario = Callable[[AnyOutside], Awaitable[None]]
Run = Callable[[Scenario], None]


@pytest.fixture(params=["memory", "nats"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    def run_scenario(scenario: Scenario) -> None:
        async def whole() -> None:
            async with asyncio.timeout(60), opened(request.param, tmp_path) as outside:
                await scenario(outside)

        asyncio.run(whole())

    return run_scenario


def record(number: int, size: int = 2048) -> bytes:
    return (f"record {number} " * (size // 9 + 1)).encode()[:size]


async def made(outside: AnyOutside, first: int = 1, room: int = ROOM) -> AnyLog:
    log = await outside.log("world-e1-A")
    await log.create(first, room)
    return log


async def fill(log: AnyLog, first: int, last: int) -> None:
    for number in range(first, last + 1):
        assert await log.append(number, record(number)) == Durable(number)


async def settled(log: AnyLog, position: int, data: bytes) -> Durable | Taken:
    """What a region does with an unknown append: the same bytes at the same position until the log settles it."""
    while True:
        outcome = await log.append(position, data, 0.5)
        if isinstance(outcome, Durable | Taken):
            return outcome
        assert isinstance(outcome, Unknown), outcome
        await asyncio.sleep(0.01)


async def took(log: AnyLog, first: int, last: int) -> list[tuple[int, bytes]]:
    seen = []
    async for number, data in log.follow(first):
        seen.append((number, data))
        if number == last:
            break
    return seen


def records(first: int, last: int) -> list[tuple[int, bytes]]:
    return [(number, record(number)) for number in range(first, last + 1)]


def test_records_are_appended_and_read_in_order(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        info = await log.info()
        assert (info.first, info.last) == (1, 0)
        assert await log.read(1, 10) == []
        await fill(log, 1, 30)
        info = await log.info()
        assert (info.first, info.last) == (1, 30)
        assert await log.read(1, 100) == records(1, 30)
        assert await log.read(7, 3) == records(7, 9)
        assert await log.read(31, 3) == []

    run(scenario)


def test_a_log_starts_at_its_first_sequence(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside, first=1001)
        assert await log.append(1, b"x") == Taken(1000)
        assert await log.append(1002, b"x") == Behind(1000)
        await fill(log, 1001, 1003)
        assert await log.read(1001, 9) == records(1001, 1003)
        with pytest.raises(LogGap) as gap:
            await log.read(1000, 9)
        assert (gap.value.expected, gap.value.first, gap.value.last) == (1000, 1001, 1003)

    run(scenario)


def test_an_empty_log_keeps_its_first_sequence_over_a_restart(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside, first=1001)
        await outside.die()
        await outside.come_back()
        assert await settled(log, 1001, record(1001)) == Durable(1001)
        assert await (await outside.log("world-e1-A")).read(1001, 9) == records(1001, 1001)

    run(scenario)


def test_a_position_is_taken_once(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 3)
        for position in (3, 2, 1):
            assert await log.append(position, b"other") == Taken(3)
        assert await log.read(1, 9) == records(1, 3)

    run(scenario)


def test_a_log_that_ends_earlier_is_behind(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 3)
        assert await log.append(5, b"x") == Behind(3)
        assert await log.append(500, b"x") == Behind(3)
        for verb in (log.read(5, 1), took(log, 5, 5)):
            with pytest.raises(LogGap) as gap:
                await verb
            assert (gap.value.expected, gap.value.last) == (5, 3)
        await fill(log, 4, 4)

    run(scenario)


def test_of_two_claimants_exactly_one_gets_the_position(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        claimants = [await made(outside), await outside.log("world-e1-A"), await outside.log("world-e1-A")]
        for position in range(1, 41):
            outcomes = await asyncio.gather(
                *(log.append(position, f"{position} by {who}".encode()) for who, log in enumerate(claimants))
            )
            assert sorted(map(repr, outcomes)) == sorted(map(repr, [Durable(position), *[Taken(position)] * 2]))
            winner = outcomes.index(Durable(position))
            assert await claimants[0].read(position, 1) == [(position, f"{position} by {winner}".encode())]

    run(scenario)


def test_a_full_log_refuses_and_goes_on_after_a_trim(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside, room=1 << 20)
        position = 1
        while (outcome := await log.append(position, record(position, 100_000))) == Durable(position):
            position += 1
        assert isinstance(outcome, Full), outcome
        assert 8 <= position <= 11
        assert isinstance(await log.append(position, record(position, 100_000)), Full)
        assert (await log.info()).last == position - 1, "nothing old was discarded, nothing new stored"
        await log.trim(3)
        assert await log.append(position, record(position, 100_000)) == Durable(position)
        assert [number for number, _ in await log.read(4, 99)] == list(range(4, position + 1))

    run(scenario)


def test_what_is_too_large_is_impossible(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        assert isinstance(await log.append(1, bytes(RECORD_BYTES_MAX + 1)), Impossible)
        assert await log.append(1, bytes(RECORD_BYTES_MAX - 1024)) == Durable(1)

    run(scenario)


def test_a_log_that_is_not_there(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await outside.log("world-e1-A")
        assert not await log.exists()
        assert isinstance(await log.append(1, b"x"), Impossible)
        for verb in (log.info(), log.open(), log.read(1, 1), log.trim(1), took(log, 1, 1)):
            with pytest.raises(LogMissing):
                await verb
        await log.create(1, ROOM)
        assert await log.exists()
        await fill(log, 1, 1)
        await outside.delete("world-e1-A")
        assert isinstance(await log.append(2, b"x"), Impossible)

    run(scenario)


def test_making_a_log_again_changes_nothing_or_is_refused(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside, first=5)
        await fill(log, 5, 6)
        await log.create(5, ROOM)
        assert await log.read(5, 9) == records(5, 6)
        for first, room in ((6, ROOM), (5, 2 * ROOM)):
            with pytest.raises(LogRefused):
                await log.create(first, room)
        with pytest.raises(ValueError):
            await log.create(0, ROOM)

    run(scenario)


@pytest.mark.parametrize("first", [1, 7, 11])
def test_a_log_made_anew_takes_no_record_of_the_old_one(run: Run, first: int) -> None:
    """Also where the new log happens to start right at the position: it does not hold the record before."""

    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 10)
        await outside.delete("world-e1-A")
        await (await outside.log("world-e1-A")).create(first, ROOM)
        outcome = await log.append(11, record(11))
        assert isinstance(outcome, Behind), outcome
        assert outcome.last == first - 1
        assert (await log.info()).last == first - 1
        if first < 11:
            with pytest.raises(LogGap):
                await log.read(11, 1)

    run(scenario)


def test_a_follower_notices_a_log_made_anew(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 10)
        follower = (await outside.log("world-e1-A")).follow(1)
        for number in range(1, 11):
            assert await anext(follower) == (number, record(number))
        await outside.delete("world-e1-A")
        await log.create(11, ROOM)
        with pytest.raises((LogGap, LogMissing)):
            await asyncio.gather(anext(follower), log.append(11, b"another world's"))

    run(scenario)


def test_a_trimmed_log_begins_later_and_trimming_again_changes_nothing(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 20)
        for position in (8, 8, 3):
            await log.trim(position)
            info = await log.info()
            assert (info.first, info.last) == (9, 20)
        assert await log.read(9, 99) == records(9, 20)
        with pytest.raises(LogGap):
            await log.read(8, 1)
        with pytest.raises(LogGap):
            await took(log, 8, 20)
        for position in (20, 21, 1000):
            with pytest.raises(ValueError):
                await log.trim(position)
        await log.trim(19)
        await outside.die()
        await outside.come_back()
        assert await settled(log, 21, record(21)) == Durable(21)
        assert await took(log, 20, 21) == records(20, 21)

    run(scenario)


def test_a_follower_sees_each_record_once_in_order(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 10)
        follower = asyncio.create_task(took(await outside.log("world-e1-A"), 4, 700))
        await fill(log, 11, 700)
        assert await follower == records(4, 700)

    run(scenario)


def test_a_follower_that_stays_idle_longer_than_heartbeats_goes_on(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        follower = asyncio.create_task(took(log, 1, 1))
        await asyncio.sleep(2.0)
        await fill(log, 1, 1)
        assert await follower == records(1, 1)

    run(scenario)


def test_nothing_durable_is_lost_when_the_server_is_killed_amid_appends(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        follower = asyncio.create_task(took(await outside.log("world-e1-A"), 1, 400))
        durable = 0

        async def write() -> None:
            nonlocal durable
            for number in range(1, 401):
                outcome = await settled(log, number, record(number))
                if isinstance(outcome, Taken):
                    read = partial(log.read, number, 1)
                    assert await until_answered(read) == records(number, number), "mine"
                durable = number

        async def kill() -> None:
            for mark in (50, 150, 300):
                while durable < mark:
                    await asyncio.sleep(0.001)
                await outside.die()
                kept = durable
                await outside.come_back()
                assert (await until_answered(log.info)).last >= kept

        await asyncio.gather(write(), kill())
        assert await follower == records(1, 400)
        assert await log.read(1, 400) == records(1, 400)

    run(scenario)


async def until_answered(verb: Callable[[], Awaitable[Any]]) -> Any:
    while True:
        with suppress(LogUnavailable):
            return await verb()
        await asyncio.sleep(0.01)


def test_verbs_of_a_silent_log_are_unknown_or_unavailable(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 2)
        await outside.die()
        assert isinstance(await log.append(3, b"x", 0.2), Unknown)
        for verb in (log.info(), log.exists(), log.read(1, 1), log.trim(1), log.create(1, ROOM)):
            with pytest.raises(LogUnavailable):
                await verb
        await outside.come_back()
        assert isinstance(await settled(log, 3, b"x"), Durable | Taken)
        assert await log.read(3, 1) == [(3, b"x")]

    run(scenario)


def test_a_follower_stopped_amid_appends_disturbs_nobody_and_another_goes_on(run: Run) -> None:
    """Closed after a record, or cancelled while it waits for one."""

    async def scenario(outside: AnyOutside) -> None:
        log, other = await made(outside), await outside.log(LOG)
        appending = asyncio.create_task(fill(log, 1, 600))
        seen: list[tuple[int, bytes]] = []
        rng = random.Random(1)
        while len(seen) < 600:
            if rng.random() < 0.5:
                async with aclosing(other.follow(len(seen) + 1)) as following:
                    for _ in range(min(rng.randint(1, 40), 600 - len(seen))):
                        seen.append(await anext(following))
            else:
                follower = asyncio.create_task(took(other, len(seen) + 1, 601))
                await asyncio.sleep(rng.choice([0.0, 0.001, 0.02]))
                follower.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await follower
        await appending
        assert seen == records(1, 600)

    run(scenario)


def test_ones_own_record_is_retried_until_it_is_known_to_be_stored(run: Run) -> None:
    """An answer that does not come tells nothing: the first record here was stored late, the second never."""

    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 3)
        outside.stop_answering()
        assert isinstance(await log.append(4, record(4), 0.3), Unknown)
        outside.go_on()
        while (await until_answered(log.info)).last < 4:
            await asyncio.sleep(0.01)
        assert await log.append(4, record(4)) == Taken(4)
        assert await log.read(4, 1) == records(4, 4), "mine"
        await outside.die()
        assert isinstance(await log.append(5, record(5), 0.3), Unknown)
        await outside.come_back()
        assert (await until_answered(log.info)).last == 4
        assert await settled(log, 5, record(5)) == Durable(5)
        assert await log.read(1, 9) == records(1, 5)

    run(scenario)


def test_a_retry_that_overtakes_its_own_late_append_is_stored_once(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 3)
        outside.stop_answering()
        for _ in range(3):
            assert isinstance(await log.append(4, record(4), 0.1), Unknown)
        outside.go_on()
        assert isinstance(await settled(log, 4, record(4)), Durable | Taken)
        assert await settled(log, 5, record(5)) == Durable(5)
        assert await log.read(1, 9) == records(1, 5)

    run(scenario)


def test_claimants_who_both_hear_nothing_agree_in_the_end(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        claimants = [await made(outside), await outside.log(LOG)]
        await fill(claimants[0], 1, 3)
        await claimants[1].open()
        for position in range(4, 9):
            outside.stop_answering()
            claims = [f"{position} by {who}".encode() for who in range(2)]
            hopes = [log.append(position, claim, 0.2) for log, claim in zip(claimants, claims)]
            assert all(isinstance(outcome, Unknown) for outcome in await asyncio.gather(*hopes))
            outside.go_on()
            for log, claim in zip(claimants, claims):
                await settled(log, position, claim)
            held = [await log.read(position, 1) for log in claimants]
            assert held[0] == held[1]
            assert [claim for _, claim in held[0]] in ([claims[0]], [claims[1]])

    run(scenario)


def test_a_log_whose_disk_is_full_is_silent_until_a_restart_and_loses_nothing(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 3)
        outside.fill_disk()
        for _ in range(2):
            assert isinstance(await log.append(4, record(4), 0.3), Unknown)
        assert (await log.info()).last == 3, "it still reads"
        assert await log.read(1, 9) == records(1, 3)
        assert await log.append(5, record(5)) == Behind(3)
        await outside.die()
        await outside.come_back()
        assert await settled(log, 4, record(4)) == Durable(4)
        await fill(log, 5, 6)
        assert await log.read(1, 9) == records(1, 6)

    run(scenario)


def test_a_log_set_back_is_behind_its_writer_and_a_gap_to_its_followers(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 5)
        await outside.keep_copy()
        assert await settled(log, 6, record(6)) == Durable(6)
        await fill(log, 7, 10)
        follower = (await outside.log(LOG)).follow(8)
        assert [await anext(follower) for _ in range(3)] == records(8, 10)
        waiting = asyncio.ensure_future(anext(follower))
        await asyncio.sleep(0.05)
        await outside.set_back()
        with pytest.raises(LogGap) as gap:
            await waiting
        assert (gap.value.expected, gap.value.last) == (11, 5)
        assert isinstance(await until_known(log, 11, record(11)), Behind)
        with pytest.raises(LogGap):
            await log.read(7, 1)
        assert await log.read(1, 9) == records(1, 5)

    run(scenario)


async def until_known(log: AnyLog, position: int, data: bytes) -> Outcome:
    while isinstance(outcome := await log.append(position, data, 0.5), Unknown):
        await asyncio.sleep(0.01)
    return outcome


def test_what_was_trimmed_stays_taken(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside)
        await fill(log, 1, 9)
        await log.trim(8)
        for position in (1, 8, 9):
            assert await log.append(position, b"other") == Taken(9)
        assert await log.append(11, b"x") == Behind(9)
        await outside.die()
        await outside.come_back()
        assert await until_known(log, 8, b"other") == Taken(9)
        await fill(log, 10, 10)

    run(scenario)


def test_a_handle_that_never_saw_its_log_sends_nothing_to_a_silent_one(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        await fill(await made(outside), 1, 3)
        late = await outside.log(LOG)
        outside.stop_answering()
        appending = asyncio.create_task(late.append(4, record(4), 0.2))
        await asyncio.sleep(0.1)
        if not appending.done():
            appending.cancel()  # it still waits for where the log stands
            await asyncio.wait([appending])
        outside.go_on()
        assert (await until_answered(late.info)).last == 3
        await fill(late, 4, 4)

    run(scenario)


def test_large_records_are_read_whole_in_several_reads(run: Run) -> None:
    async def scenario(outside: AnyOutside) -> None:
        log = await made(outside, room=64 << 20)
        for number in range(1, 51):
            assert await log.append(number, record(number, 500_000)) == Durable(number)
        seen: list[tuple[int, bytes]] = []
        while more := await log.read(len(seen) + 1, 1000):
            assert sum(len(data) for _, data in more) < 17 << 20
            seen += more
        assert seen == [(number, record(number, 500_000)) for number in range(1, 51)]
        assert await took(log, 1, 50) == seen

    run(scenario)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a/b", "ä", "a*", "x" * 65])
def test_a_log_has_a_plain_name(run: Run, name: str) -> None:
    async def scenario(outside: AnyOutside) -> None:
        with pytest.raises(ValueError):
            await outside.log(name)

    run(scenario)


def test_faults_to_order_befall_one_append_each() -> None:
    logs = MemoryLogs()
    logs.create("A", 1, ROOM)
    logs.faults.extend([Fault.STORED_UNKNOWN, Fault.LOST_UNKNOWN, Fault.FULL])
    assert isinstance(logs.append("A", 1, b"one"), Unknown)
    assert isinstance(logs.append("A", 1, b"one"), Unknown)
    assert isinstance(logs.append("A", 1, b"one"), Full)
    assert logs.append("A", 1, b"one") == Taken(1)
    assert logs.read("A", 1, 1) == [(1, b"one")]
    logs.faults.append(Fault.LOST_UNKNOWN)
    assert isinstance(logs.append("A", 2, b"two"), Unknown)
    assert logs.append("A", 2, b"two") == Durable(2)
    logs.lose_tail("A", 2)
    assert logs.append("A", 3, b"three") == Behind(0)


SETTINGS_THAT_FORGET = [
    {"discard": "old"},
    {"persist_mode": "async", "allow_direct": True},
    {"max_age": 3_600_000_000_000},
    {"max_msgs": 10},
    {"storage": "memory"},
    {"deny_delete": False},
    {"subjects": ["log.world-e1-A", "other"]},
    {"retention": "interest"},
]


@pytest.mark.parametrize("setting", SETTINGS_THAT_FORGET, ids=str)
def test_a_stream_that_could_lose_a_record_is_refused(tmp_path: Path, setting: dict[str, Any]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), opened("nats", tmp_path) as outside:
            log = await outside.log("world-e1-A")
            assert isinstance(log, Log)
            await make_stream(log, setting)
            with pytest.raises(LogRefused):
                await log.open()
            outcome = await log.append(1, b"x")
            assert isinstance(outcome, Impossible), outcome
            assert (await log.info()).last == 0

    asyncio.run(whole())


async def make_stream(log: Log, setting: dict[str, Any]) -> None:
    config = stream_config(log.name, 1, 1, ROOM) | setting
    answer = await log._outside.request(f"$JS.API.STREAM.CREATE.{log.name}", json.dumps(config).encode(), 2.0)
    assert "error" not in json.loads(answer.data), answer.data


def test_a_logs_quota_is_reserved_when_it_is_made(tmp_path: Path) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), opened("nats", tmp_path) as outside:
            log, other = await outside.log("world-e1-A"), await outside.log("world-e1-B")
            with pytest.raises(LogRefused):
                await log.create(1, 512 << 20)
            await log.create(1, 200 << 20)
            with pytest.raises(LogRefused):
                await other.create(1, 100 << 20)
            await other.create(1, 50 << 20)

    asyncio.run(whole())


@pytest.mark.parametrize("answer", [{"stream": "A", "seq": 6}, {"stream": "B", "seq": 5}, {"stream": "A"}], ids=str)
def test_an_acknowledgement_of_anything_else_stops_the_program(answer: dict[str, Any]) -> None:
    assert outcome_of("A", 5, {"stream": "A", "seq": 5}) == Durable(5)
    with pytest.raises(LogBroken):
        outcome_of("A", 5, answer)


def test_an_error_nobody_foresaw_is_unknown() -> None:
    assert isinstance(outcome_of("A", 5, {"error": {"err_code": 19999, "description": "new"}}), Unknown)
    assert isinstance(outcome_of("A", 5, {"error": {"err_code": 10077, "description": "disk failed"}}), Unknown)
    assert isinstance(outcome_of("A", 5, {"error": {"err_code": 10077, "description": "no space left"}}), Full)
