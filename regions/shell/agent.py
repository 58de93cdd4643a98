"""asyncio around the agent core: the log server and the children of one machine.

`Machine.run()` is what `everloom up` awaits. Children are ordinary processes with pipes; they end by themselves when
this process dies. Nothing here decides: `regions.agent` does.
"""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from archive.keys import unb64
from regions import messages
from regions.agent import AgentCore
from regions.agent_verbs import (
    Answered,
    Assign,
    Beaten,
    Begin,
    Dismiss,
    Effect,
    Ended,
    Event,
    Heard,
    Kill,
    Ordered,
    Over,
    Say,
    Serving,
    Start,
    Stop,
    Tell,
    Timer,
    Wake,
    Warm,
)
from regions.config import CHECKPOINT_EVERY_MS, LOG_BYTES_MAX, LOG_BYTES_TOTAL, WORLD_LOG_BYTES_MAX
from regions.errors import RecordError
from regions.looks import looks_of
from regions.messages import Beat
from regions.shell.files import WorldDir, log_name
from regions.shell.log import LogError
from regions.shell.log_keeper import LogKeeper
from regions.shell.nats import Bus, connect
from regions.shell.nats_log import Log
from regions.shell.nats_server import NatsServer
from regions.shell.running import tell_running
from regions.shell.zygote import LINE_BYTES_MAX, Forked, Zygote
from world.units import CHUNK_TILES

PROBE_S = 0.5
NO_FORK_S = 1.0
MODULES = {
    "gateway": "regions.shell.gateway",
    "archivist": "regions.shell.archivist",
    "ao": "regions.shell.ao",
}


@dataclass
class Child:
    """A child process and the last word it said."""

    role: str
    process: asyncio.subprocess.Process | Forked
    index: int = -1
    last: dict[str, Any] = field(default_factory=dict)


class Machine:
    """One world on this machine. `status` is what a view shows; `words` the newest lines for the operator."""

    def __init__(
        self, directory: WorldDir, host: str, port: int, checkpoint_ms: int = CHECKPOINT_EVERY_MS, ao_port: int = 0
    ) -> None:
        self.dir = directory
        self.host, self.port, self.ao_port = host, port, ao_port
        self.checkpoint_ms = checkpoint_ms
        self.store = directory.store()
        self.charter, _, _ = directory.charter(self.store)
        self.looks = msgspec.to_builtins(looks_of(self.store, self.charter))  # once: a gateway that falls must not wait
        self.core = AgentCore(len(self.charter.seats) - 1, doors=("gateway", "ao"))
        self.server = NatsServer(directory.path, LOG_BYTES_TOTAL)
        self.events: asyncio.Queue[Event] = asyncio.Queue(maxsize=65_536)
        self.children: dict[int, Child] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.beats: dict[int, Beat] = {}
        self.last_beats: dict[int, Beat] = {}  # those of ended processes too
        self.figures: dict[int, dict[str, int]] = {}  # of seats whose processes ended, summed up
        self.door: dict[str, int] = {}  # what the gateway counts
        self.archive: dict[str, Any] = {}
        self.final: dict[str, Any] = {}
        self.words: deque[str] = deque(maxlen=200)
        self.said = 0  # words so far, those no longer kept included
        self.listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.first_tick: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.keeper = LogKeeper(self.server, self.say)
        self.zygote = Zygote()

    @property
    def short(self) -> str:
        """What bus subjects begin with."""
        return self.charter.short

    async def run(self) -> int:
        """Run the world until a planned stop is over. Returns the exit status."""
        self.dir.check_era(self.charter, self.store)
        self.dir.check_module(self.charter, self.store)
        await self.server.start()
        outside = None
        try:
            outside = await connect(self.server.url, self.server.token, "agent")
            for index, seat in enumerate(self.charter.seats):
                first = self.charter.cut[index].n + 1 if self.charter.cut else 1
                log = Log(outside, log_name(self.charter, index))
                await log.create(first, WORLD_LOG_BYTES_MAX if index == 0 else LOG_BYTES_MAX)
                assert seat
            await Bus(outside).subscribe(f"{self.short}.beat.*", self._hear_beat)
            self._spawn(self.keeper.run())
            self._spawn(tell_running(self, Bus(outside)))
            self._spawn(self._probe(Log(outside, log_name(self.charter, 0))))
            self.events.put_nowait(Begin())
            while True:
                event = await self.events.get()
                for effect in self.core.step(self._now_ms(), event):
                    if isinstance(effect, Over):
                        return effect.status
                    await self._carry_out(effect)
        finally:
            for task in self.tasks:
                task.cancel()
            await self._end_children()
            await self.zygote.close()
            if outside is not None:
                await outside.close()
            await self.server.stop()

    @property
    def log_restarts(self) -> int:
        """How often the log server was started again."""
        return self.keeper.restarts

    def say(self, text: str) -> None:
        """A line for the operator."""
        self.words.append(text)
        self.said += 1

    def stop(self) -> None:
        """Ask for a planned stop."""
        self.events.put_nowait(Stop())

    def _now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _hear_beat(self, subject: str, data: bytes) -> None:
        try:
            beat = messages.decode(data)
        except RecordError:
            return
        if isinstance(beat, Beat) and beat.era == self.charter.era and beat.region < len(self.charter.seats):
            self.beats[beat.region] = self.last_beats[beat.region] = beat
            self.events.put_nowait(Beaten(beat.region, beat.n))
            if beat.region and beat.ticks and not self.first_tick.done():
                self.first_tick.set_result(time.monotonic())

    async def _probe(self, log: Log) -> None:
        """Ask the log again and again, so that silence can be told from a log or a bus that is away."""
        while True:
            with contextlib.suppress(LogError):
                await log.info()
                self.events.put_nowait(Answered())
            await asyncio.sleep(PROBE_S)

    async def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Assign | Tell | Dismiss | Kill) and effect.child not in self.children:
            return  # it ended a moment ago: the core is told so next
        if isinstance(effect, Start):
            await self._start(effect)
        elif isinstance(effect, Assign):
            self.children[effect.child].index = effect.index
            seat = {"index": effect.index, "deaths": effect.deaths, "offset_ms": effect.offset_ms}
            self._write(effect.child, self._orders() | seat)
        elif isinstance(effect, Tell):
            self._write(effect.child, effect.words)
        elif isinstance(effect, Dismiss):
            pipe = self.children[effect.child].process.stdin
            if pipe is not None:
                pipe.close()
        elif isinstance(effect, Kill):
            with contextlib.suppress(ProcessLookupError):
                self.children[effect.child].process.kill()
        elif isinstance(effect, Wake):
            delay = max(0.0, (effect.at_ms - self._now_ms()) / 1000)
            asyncio.get_running_loop().call_later(delay, self.events.put_nowait, Timer())
        elif isinstance(effect, Say):
            self.say(("ALARM: " if effect.alarm else "") + effect.text)

    def _orders(self, door: str = "") -> dict[str, Any]:
        return {
            "world_dir": str(self.dir.path.resolve()),
            "bus": self.server.url,
            "token": self.server.door_token(door) if door else self.server.token,
            "world": unb64(self.charter.world).hex(),
            "short": self.short,
            "era": self.charter.era,
        }

    async def _start(self, effect: Start) -> None:
        if effect.role == "region":
            self._spawn(self._fork(effect.child))
            return
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULES[effect.role],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES_MAX,
            start_new_session=True,  # Ctrl-C is for the agent, which then stops its children in order
        )
        self.children[effect.child] = Child(effect.role, process)
        self._spawn(self._listen(effect.child))
        if effect.role == "gateway":
            rectangles = [[side // CHUNK_TILES for side in seat.land] for seat in self.charter.seats]
            door = {"host": self.host, "port": self.port, "name": f"g{process.pid}", "regions": len(rectangles)}
            land = {"rectangles": rectangles, "tiles": list(self.charter.map_tiles), "looks": self.looks}
            self._write(effect.child, self._orders("gateway") | door | land)
        elif effect.role == "ao":
            door = {"host": self.host, "port": self.ao_port, "name": f"ao{process.pid}"}
            self._write(effect.child, self._orders("ao") | door)
        elif effect.role == "archivist":
            about = {"store": str(self.store.folder), "interval_ms": self.checkpoint_ms, "regions": self.core.regions}
            self._write(effect.child, self._orders() | about)

    async def _fork(self, number: int) -> None:
        """A region's process; not awaited by what goes on meanwhile, as the first one takes seconds."""
        try:
            self.children[number] = Child("region", await self.zygote.fork())
        except OSError as error:
            await asyncio.sleep(NO_FORK_S)
            self.events.put_nowait(Ended(number, str(error)))
            return
        await self._listen(number)

    def _write(self, child: int, words: dict[str, Any]) -> None:
        pipe = self.children[child].process.stdin
        if pipe is not None and not pipe.is_closing():
            with contextlib.suppress(OSError):
                pipe.write(json.dumps(words).encode() + b"\n")

    async def _listen(self, number: int) -> None:
        child = self.children[number]
        assert child.process.stdout is not None
        while line := await child.process.stdout.readline():
            with contextlib.suppress(ValueError, AttributeError):
                self._heard(number, child, json.loads(line))
        status = await child.process.wait()
        last = child.last
        reason = str(last.get("reason") or _how(status))
        del self.children[number]
        self._sum_up(child)
        alarm = bool(last.get("alarm")) or (child.role == "archivist" and "manifest" not in last and status != 0)
        fenced, superseded = bool(last.get("fenced")), int(last.get("superseded", 0) or 0)
        self.events.put_nowait(Ended(number, reason, alarm, int(last.get("n", 0) or 0), fenced, superseded))

    def _heard(self, number: int, child: Child, words: dict[str, Any]) -> None:
        self.events.put_nowait(Heard(number))
        if "alive" in words:
            if child.role == "gateway":
                self.door = {name: int(count) for name, count in words.items() if name != "alive"}
            return
        child.last = words
        if "warm" in words:
            self.events.put_nowait(Warm(number))
        elif "serving" in words:
            self.events.put_nowait(Serving(int(words["serving"]), int(words["n"])))
        elif "warning" in words:
            self.say(str(words["warning"]))
        elif "ordered" in words:
            self.events.put_nowait(Ordered())
        elif child.role == "gateway" and "listening" in words and not self.listening.done():
            self.listening.set_result(int(words["listening"]))
        if child.role == "gateway" and "listening" in words:
            self.port = int(words["listening"])
        if child.role == "ao" and "listening" in words:
            self.ao_port = int(words["listening"])
        if child.role == "archivist":
            self.archive |= words
            if "manifest" in words:
                self.final = words

    def _sum_up(self, child: Child) -> None:
        """What a seat's process counted is kept when it ends; a killed one's last beat speaks for it."""
        counted = child.last.get("figures")
        beat = self.beats.pop(child.index, None)
        if counted is None and beat is not None:
            counted = {"ticks": beat.ticks, "ticks_late": beat.ticks_late, "handovers": beat.handovers}
        if isinstance(counted, dict) and child.index >= 0:
            total = self.figures.setdefault(child.index, {})
            for name, value in counted.items():
                total[name] = total.get(name, 0) + int(value)

    async def _end_children(self) -> None:
        for child in list(self.children.values()):
            if child.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.process.terminate()
        for child in list(self.children.values()):
            with contextlib.suppress(asyncio.TimeoutError, ProcessLookupError):
                await asyncio.wait_for(child.process.wait(), 3)
            if child.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.process.kill()
                await child.process.wait()


def _how(status: int | None) -> str:
    """How a process ended without a word of its own."""
    if status is None:
        return "its zygote died as well"
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
