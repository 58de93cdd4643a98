"""Power cuts under the real log server: what it acknowledged before must be there after.

The server and the logs are the project's own (`NatsServer`, `Log`), the store lies on a `MountedDisk`. A trial appends
to several logs as fast as it can while others follow them, kills the server, cuts the disk's power, starts the server
again, and reads everything back. Half of the time the server alone dies first and comes back, and the power goes then.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from regions.shell.log import Behind, Durable, Full, Impossible, LogGap, LogMissing, LogUnavailable, Taken
from regions.shell.nats import Outside, connect
from regions.shell.nats_log import Log
from regions.shell.nats_server import NatsServer, ServerError
from tests.durability.ledger import Ledger
from tests.durability.mounted_disk import MountedDisk

LOGS = 6
LOG_BYTES = 2 << 20  # small: the server begins new blocks, drops and compacts old ones all the time
LIFE_S = (0.1, 0.7)
RECOVERY_S = (0.0, 0.15)
KEPT_AFTER_TRIM = 50
TRIM_EVERY_S = 0.04
RESTARTS = 5
ANSWER_S_MAX = 60.0
"""How long a server that runs may leave something unanswered."""


class UnsyncedServer(NatsServer):
    """The project's server without `sync_interval: always`: it acknowledges at once and syncs every two minutes.

    That is nats-server's default. `NatsServer` refuses to run like this; the refusal is overridden here, and only here,
    because the trial must be shown to see a loss where there is one.
    """

    def _write_config(self) -> None:
        super()._write_config()
        text = self.config_path.read_text()
        assert text.count("  sync_interval: always\n") == 1
        self.config_path.write_text(text.replace("  sync_interval: always\n", ""))

    async def check(self) -> None:
        settings = (await self._ask_monitor("/varz"))["jetstream"]["config"]
        if settings.get("sync_always"):
            raise ServerError("this server was to sync every two minutes, but syncs every append")


@dataclass
class Report:
    """What a trial saw."""

    sync: str
    seed: int
    kills: int = 0
    cuts: int = 0
    cuts_that_took: int = 0
    killed_amid_recovery: int = 0
    restarts_before_a_cut: int = 0
    found_stored_before_a_cut: int = 0
    bytes_lost_by_the_disk: int = 0
    writes_lost_by_the_disk: int = 0
    names_lost_by_the_disk: int = 0
    acknowledged: int = 0
    followed: int = 0
    read_back: int = 0
    lost: int = 0
    logs_lost: int = 0
    kills_with_loss: int = 0
    wrong: list[str] = field(default_factory=list)
    fsyncs: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


class Trial:
    """One world's log server on a forgetful disk. `sync` is "always" or "default"."""

    def __init__(self, world: Path, sync: str, seed: int) -> None:
        self.rng = random.Random(f"{seed}/{sync}")
        self.report = Report(sync, seed)
        self.server = NatsServer(world) if sync == "always" else UnsyncedServer(world)
        self.disk = MountedDisk(self.server.store_dir)
        self.ledgers = [Ledger(f"log-{index}", random.Random(f"{seed}/{sync}/{index}")) for index in range(LOGS)]
        self.logs: list[Log] = []

    async def run(self, kills: int) -> Report:
        """Kill the server and cut the power that often. Raises `CannotMount`, `ServerError`."""
        began = time.monotonic()
        with self.disk:
            outside: Outside | None = None
            try:
                await self.server.start()
                outside = await connect(self.server.url, self.server.token, "durability")
                self.logs = [Log(outside, ledger.name) for ledger in self.ledgers]
                for log in self.logs:
                    await answered(partial(log.create, 1, LOG_BYTES))
                while self.report.cuts < kills:
                    await self._live_and_die()
                self.report.fsyncs = self.disk.figures()["fsyncs"]
            finally:
                if outside is not None:
                    await outside.close()
                await self.server.stop()
        self.report.seconds = round(time.monotonic() - began, 1)
        return self.report

    async def _live_and_die(self) -> None:
        if self.report.sync == "default":
            # As after a quiet half minute: a loss is then a lost tail, and not all there ever was.
            self.disk.write_back()
        await self._append_until_killed(self.rng.uniform(*LIFE_S))
        if self.rng.random() < 0.5:
            # Only the server dies, not the machine: what it had not synced is read back, and believed. The power goes
            # afterwards.
            await self._restart()
            for ledger, log in zip(self.ledgers, self.logs):
                await self._settle(ledger, log)
            self.report.restarts_before_a_cut += 1
            await self._kill()
        self._cut()
        if self.rng.random() < 0.2:
            await self._kill_amid_recovery()
            self._cut()
        await self._restart()
        lost = self.report.lost
        for index in range(LOGS):
            await self._read_back(index)
        self.report.kills_with_loss += self.report.lost > lost

    async def _append_until_killed(self, seconds: float) -> None:
        killed = asyncio.Event()
        work = [self._append(ledger, log, killed) for ledger, log in zip(self.ledgers, self.logs)]
        tasks = [asyncio.create_task(one) for one in [*work, self._trim(killed)]]
        followers = [asyncio.create_task(self._follow(ledger, log)) for ledger, log in zip(self.ledgers, self.logs)]
        await asyncio.sleep(seconds)
        killed.set()  # no more appends; but acknowledgements that are on their way are heard
        await self._kill()
        await asyncio.gather(*tasks)
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)

    async def _kill(self) -> None:
        os.kill(self.server.pid, signal.SIGKILL)
        await self.server.wait()
        self.report.kills += 1

    async def _restart(self) -> None:
        """Start the server again, as its keeper does: on a busy machine it may not come up in time."""
        for _ in range(RESTARTS - 1):
            with contextlib.suppress(ServerError):
                return await self.server.restart()
        await self.server.restart()

    def _cut(self) -> None:
        """Everything unsynced goes, or some of it. Where losses are wanted, everything."""
        some = self.report.sync == "always" and self.rng.random() < 0.5
        lost = self.disk.cut(f"{self.report.seed}/{self.report.cuts}" if some else None)
        self.report.cuts += 1
        self.report.cuts_that_took += any(lost.values())
        self.report.bytes_lost_by_the_disk += lost["bytes"]
        self.report.writes_lost_by_the_disk += lost["writes"]
        self.report.names_lost_by_the_disk += lost["names"]

    async def _kill_amid_recovery(self) -> None:
        before = self.server.pid
        starting = asyncio.create_task(self.server.restart())
        await asyncio.sleep(self.rng.uniform(*RECOVERY_S))
        while self.server.pid == before and not starting.done():
            await asyncio.sleep(0.001)
        if self.server.alive:
            await self._kill()
            self.report.killed_amid_recovery += 1
        with contextlib.suppress(ServerError):
            await starting

    async def _append(self, ledger: Ledger, log: Log, killed: asyncio.Event) -> None:
        while not killed.is_set():
            number, data = ledger.next_record()
            outcome = await log.append(number, data, 5.0)
            if isinstance(outcome, Durable):
                ledger.acknowledge(number)
                self.report.acknowledged += 1
            elif isinstance(outcome, Taken):
                with contextlib.suppress(LogUnavailable):  # killed meanwhile, perhaps
                    await self._find_mine(ledger, log, number, data)
            elif isinstance(outcome, Full):
                await asyncio.sleep(TRIM_EVERY_S)
            elif isinstance(outcome, Impossible | Behind):
                self.report.wrong.append(f"{log.name}: record {number} was answered by {outcome}")
                return
            else:
                await asyncio.sleep(0.01)

    async def _follow(self, ledger: Ledger, log: Log) -> None:
        """Whoever follows a log shows its records to others: what it was shown must not be taken back."""
        with contextlib.suppress(LogGap, LogMissing):
            async for number, data in log.follow(ledger.acknowledged + 1):
                self.report.followed += 1
                if wrong := ledger.see(number, data):
                    self.report.wrong.append(wrong)

    async def _trim(self, killed: asyncio.Event) -> None:
        while not killed.is_set():
            await asyncio.sleep(TRIM_EVERY_S)
            ledger, log = self.rng.choice(list(zip(self.ledgers, self.logs)))
            position = ledger.acknowledged - KEPT_AFTER_TRIM
            if position > ledger.trimmed:
                ledger.trimmed = position
                with contextlib.suppress(LogUnavailable):
                    await log.trim(position)

    async def _settle(self, ledger: Ledger, log: Log) -> None:
        """Do what a region does after an unknown append, until the log says that the record is durable."""
        number, data = ledger.next_record()
        deadline = time.monotonic() + ANSWER_S_MAX
        while not isinstance(outcome := await log.append(number, data), Durable):
            if isinstance(outcome, Taken):
                await answered(lambda: self._find_mine(ledger, log, number, data))
                self.report.found_stored_before_a_cut += 1
                return
            if isinstance(outcome, Full):
                await answered(lambda: log.trim(max(1, ledger.acknowledged - KEPT_AFTER_TRIM)))
                ledger.trimmed = max(ledger.trimmed, ledger.acknowledged - KEPT_AFTER_TRIM)
            elif isinstance(outcome, Impossible | Behind):
                self.report.wrong.append(f"{log.name}: record {number} was answered by {outcome}")
                return
            if time.monotonic() > deadline:
                self.report.wrong.append(f"{log.name}: record {number} does not settle: {outcome}")
                return
            await asyncio.sleep(0.01)
        ledger.acknowledge(number)
        self.report.acknowledged += 1

    async def _find_mine(self, ledger: Ledger, log: Log, number: int, data: bytes) -> None:
        """The log said that the record is there already: then it must be this one. Raises `LogUnavailable`."""
        if await log.read(number, 1) != [(number, data)]:
            self.report.wrong.append(f"{log.name}: record {number} is another than the one sent")
        ledger.acknowledge(number)
        self.report.acknowledged += 1

    async def _read_back(self, index: int) -> None:
        """Read all a log holds and compare; then go on from where it stands."""
        ledger, log, report = self.ledgers[index], self.logs[index], self.report
        try:
            info = await answered(log.info)
        except LogMissing:
            report.logs_lost += 1
            report.lost += ledger.missing(1, 0)
            report.wrong.append(f"{log.name} is gone")
            ledger.give_up_after(0)
            await answered(lambda: log.create(1, LOG_BYTES))
            return
        missing = ledger.missing(info.first, info.last)
        if missing:
            report.lost += missing
            report.wrong.append(
                f"{log.name}: {missing} records lost: it holds {info.first}..{info.last}, "
                f"acknowledged were {ledger.trimmed + 1}..{ledger.acknowledged}"
            )
        records: list[tuple[int, bytes]] = []
        try:
            while more := await answered(partial(log.read, info.first + len(records), 1000)):
                records += more
        except (LogGap, LogUnavailable) as error:
            report.wrong.append(f"{log.name} cannot be read: {error}")
        report.wrong += ledger.judge(info.first, records)
        report.read_back += len(records)
        ledger.give_up_after(info.last)


async def answered(verb: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until there is an answer. Raises `LogUnavailable` in the end."""
    deadline = time.monotonic() + ANSWER_S_MAX
    while True:
        try:
            return await verb()
        except LogUnavailable:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.01)
