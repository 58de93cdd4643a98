"""asyncio around one region core; `regions.shell.zygote` forks the process.

Standard input brings one JSON line with the seat to take (a warm spare waits for it), later `{"stop": true}`; its end
ends the process. Standard output tells, a JSON line each, what happened: warm, serving, ended.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from setproctitle import setproctitle

from archive.errors import ArchiveError
from archive.snapshot import Snapshot as SnapshotFile
from archive.snapshot import encode_file
from regions import messages, spent
from regions.beginning import standing
from regions.claims import draw_links
from regions.errors import ConfigError, RecordError
from regions.process import RegionCore
from regions.seat import Seat
from regions.shell.files import WorldDir, log_name
from regions.shell.log import Behind, Durable, Full, Impossible, LogError, LogGap, Outcome, Taken
from regions.shell.nats import Bus, connect
from regions.shell.nats_log import Log
from regions.shell.steady import SteadyClock
from regions.shell.stopwatch import Stopwatch
from regions.shell.witnesses import Witnesses, read_on
from regions.show import Show
from regions.verbs import (
    Append,
    Effect,
    End,
    Event,
    Load,
    Loaded,
    Publish,
    ReadAt,
    ReadBack,
    Received,
    Seek,
    Settled,
    Snapshot,
    Stop,
    Timer,
    Trim,
    Wake,
    Witnessed,
)
from world.phases import Phase
from world.tick import warm

READ_AGAIN_S = 0.05


def tell(**words: Any) -> None:
    """One JSON line to whoever started this process."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


class Shell:
    """Carries out one core's effects, in order, and brings it events."""

    def __init__(self, orders: dict[str, Any], links: list[bytes]) -> None:
        self.dir = WorldDir(Path(orders["world_dir"]))
        self.index = int(orders["index"])
        self.store = self.dir.store()
        self.charter, self.charter_id, _ = self.dir.charter(self.store)
        self.url, self.token = str(orders["bus"]), str(orders["token"])
        self.name = log_name(self.charter, self.index)
        self.short = self.charter.short
        processes = self.charter.processes()
        seat = Seat(
            world=processes[0],
            index=self.index,
            region=processes[self.index],
            processes=processes,
            node=self.dir.key("node"),
            scheduler=self.dir.key("scheduler"),
            deaths=int(orders.get("deaths", 0)),
            tick_offset_ms=int(orders.get("offset_ms", 0)),
        )
        self.watch = Stopwatch()
        self.core = RegionCore(seat, os.urandom, Show(self.index) if self.index else None, links, self.watch.mark)
        self.events: asyncio.Queue[Event] = asyncio.Queue(maxsize=65_536)
        self.timer: asyncio.TimerHandle | None = None
        self.snapshot_task: asyncio.Task[None] | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.clock = SteadyClock()
        self.was_serving = False

    async def run(self) -> int:
        """Serve until the core ends. Returns the exit status."""
        setproctitle(f"everloom: {self.core.seat.name}")
        outside = await connect(self.url, self.token, self.core.seat.name)
        self.log, self.bus = Log(outside, self.name), Bus(outside)
        self.witnesses = Witnesses(self.index, self.dir, self.store, outside)
        try:
            for subject in self._subjects():
                await self.bus.subscribe(subject, self._receive)
            self._spawn(self._load())
            while True:
                event = await self.events.get()
                durable = isinstance(event, ReadBack) or (isinstance(event, Settled) and event.outcome == "durable")
                if durable:
                    self.watch.append_ends()
                late_ms = self.core.pending.late_ms if self.core.pending is not None else 0
                ticks = self.core.figures.ticks
                self.watch.mark(Phase.INPUTS)
                for effect in self.core.step(self.clock.now_ms(), event):
                    if isinstance(effect, End):
                        return await self._end(effect)
                    await self._carry_out(effect)
                self.watch.rest()
                if durable:
                    self.watch.tick_ends(self.core.figures.ticks - ticks, late_ms)
                if self.watch.due:
                    await self._tell_spent()
                if not self.was_serving and self.core.phase == "serving":
                    self.was_serving = True
                    tell(serving=self.index, n=self.core.region.state.n if self.core.region else 0)
        finally:
            for task in self.tasks:
                task.cancel()
            await outside.close()

    def _subjects(self) -> list[str]:
        subjects = [f"{self.short}.in.{self.index}", f"{self.short}.letter.{self.index}", f"{self.short}.where"]
        return [*subjects, f"{self.short}.world"] if self.index == 0 else subjects

    def _receive(self, subject: str, data: bytes) -> None:
        self.watch.mark(Phase.LETTERS if ".letter." in subject else Phase.INPUTS)
        try:
            self.events.put_nowait(Received(messages.decode(data)))
        except (RecordError, asyncio.QueueFull):
            return  # a bad peer's message, or one too many: the bus is at most once
        finally:
            self.watch.rest()

    async def _tell_spent(self) -> None:
        """Now and then, where the time went."""
        region = self.core.region
        if region is not None:
            state = region.state
            n = state.n - (self.core.pending is not None)  # what is in flight is nobody's business yet
            said = self.watch.told(self.index, state.era, n, state.archived)
            await self.bus.publish(f"{self.short}.spent.{self.index}", spent.encode(said))

    def stop(self) -> None:
        """Ask the core to go on to the end of its span and end."""
        self.events.put_nowait(Stop())

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            tell(failed=self.index, reason=f"{type(task.exception()).__name__}: {task.exception()}")
            os._exit(1)  # a bad program stops; its successor begins from what is durable

    async def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Publish):
            self.watch.mark(Phase.LETTERS if isinstance(effect.message, messages.Letter) else Phase.DELTAS)
            await self.bus.publish(f"{self.short}.{self._address(effect.subject)}", messages.encode(effect.message))
        elif isinstance(effect, Append):
            self.watch.append_begins()
            self._spawn(self._append(effect))
        elif isinstance(effect, Wake):
            self._wake(effect.at_ms)
        elif isinstance(effect, Snapshot):
            if self.snapshot_task is None or self.snapshot_task.done():
                self.snapshot_task = asyncio.get_running_loop().create_task(self._write(effect))
        elif isinstance(effect, ReadAt):
            self._spawn(self._read_back(effect.position))
        elif isinstance(effect, Seek):
            self._spawn(self._seek(effect.position))
        elif isinstance(effect, Load):
            self._spawn(self._load())
        elif isinstance(effect, Trim):
            self._spawn(self._trim(effect.n))

    def _address(self, subject: str) -> str:
        return f"{subject}.{self.index}" if subject in ("delta", "beat") else subject

    def _wake(self, at_ms: int) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(
            self.clock.seconds_until(at_ms), self.events.put_nowait, Timer()
        )

    async def _append(self, effect: Append) -> None:
        outcome = await self.log.append(effect.position, effect.raw)
        self.events.put_nowait(Settled(_word(outcome), effect.position, str(getattr(outcome, "reason", ""))))

    async def _read_back(self, position: int) -> None:
        while True:
            try:
                found = await self.log.read(position, 1)
            except LogError:
                found = []
            if found:
                self.events.put_nowait(ReadBack(position, found[0][1]))
                return
            await asyncio.sleep(READ_AGAIN_S)

    async def _write(self, effect: Snapshot) -> None:
        def write() -> None:
            data = encode_file(SnapshotFile(effect.era, effect.n, effect.head, effect.raw))
            self.dir.write_snapshot(self.index, effect.n, data)

        try:
            await asyncio.to_thread(write)
        except OSError as error:
            # Only the restart takes longer without it; the next one is due in less than two seconds.
            tell(warning=f"snapshot {effect.n} of {self.core.seat.name} not written: {error}")

    async def _trim(self, n: int) -> None:
        try:
            await self.log.trim(n)
        except LogError as error:
            tell(warning=f"log of {self.core.seat.name} not trimmed to {n}: {error}")

    async def _load(self) -> None:
        # All at once, as players wait; and witnesses not after the log, or an owner that still lives would be ahead.
        witnesses = asyncio.ensure_future(self.witnesses.seen())
        region, problems = await asyncio.to_thread(self.dir.newest_region, self.index, self.store)
        for problem in problems:
            tell(warning=f"snapshot passed over: {problem}")
        found = await witnesses
        n = region.state.n
        try:
            own = await self.log.read(n, 1) if (await self.log.info()).first <= n else []
            records = await read_on(self.log, n + 1)
        except LogGap as gap:
            reason = f"a local snapshot has seen record {n}, and {gap}: the log was set back"
            tell(ended=self.index, reason=reason, alarm=True, n=0)
            os._exit(2)
        self.events.put_nowait(Loaded(region, records, (*found, *standing(region.state.era, own))))

    async def _seek(self, position: int) -> None:
        while True:
            try:
                found = await self.witnesses.seen()
            except LogError:
                await asyncio.sleep(READ_AGAIN_S)
                continue
            self.events.put_nowait(Witnessed(position, found))
            return

    async def _end(self, effect: End) -> int:
        if self.snapshot_task is not None:
            await self.snapshot_task
        state = self.core.region.state if self.core.region else None
        tell(
            ended=self.index,
            reason=effect.reason,
            alarm=effect.alarm,
            fenced=effect.fenced,
            n=state.n if state else 0,
            figures={
                "ticks": self.core.figures.ticks,
                "ticks_late": self.core.figures.ticks_late,
                "handovers": self.core.figures.handovers,
            },
        )
        return 2 if effect.alarm else 0


def _word(outcome: Outcome) -> str:
    words = {Durable: "durable", Taken: "taken", Behind: "behind", Full: "full", Impossible: "impossible"}
    return words.get(type(outcome), "unknown")


async def _commands(shell: Shell, reader: asyncio.StreamReader) -> None:
    while True:
        line = await reader.readline()
        if not line:
            os._exit(0)  # whoever started this process is gone; everything acknowledged is in the log
        if json.loads(line).get("stop"):
            shell.stop()


async def _main(links: list[bytes]) -> int:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    line = await reader.readline()
    if not line:
        return 0
    try:
        shell = Shell(json.loads(line), links)
    except (ConfigError, ArchiveError, RecordError, ValueError, KeyError) as error:
        tell(failed=-1, reason=str(error))
        return 2
    commands = loop.create_task(_commands(shell, reader))
    try:
        return await shell.run()
    finally:
        commands.cancel()


def load() -> None:
    """What every region process needs, before there is one."""
    warm()


def take_seat() -> None:
    """Say that this process is warm, take a seat, serve."""
    setproctitle("everloom: spare")
    links = draw_links(os.urandom)
    tell(warm=os.getpid())
    sys.exit(asyncio.run(_main(links)))
