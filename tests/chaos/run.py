"""One chaos run: the world, its crowds and its auditor, a fault every so often, and what was seen of each."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, TextIO

from regions import messages
from regions.errors import RecordError
from regions.messages import Beat
from regions.shell.nats import Bus, connect
from tests.chaos import waits
from tests.chaos.crowds import CROWDS, Crowds
from tests.chaos.faults import EXCLUSIVE, KINDS, deck, do
from tests.chaos.ground import Ground, favour
from tests.chaos.site import Fault, Site
from tests.chaos.wire import Wire

START_S_MAX: Final = 180.0
SETTLE_S: Final = 15.0  # before the first fault, and after the last
RECOVERED_TICKS: Final = 20
RECOVERED_S_MAX: Final = 60.0
STOP_S_MAX: Final = 180.0


@dataclass(frozen=True)
class Wishes:
    """What was asked for."""

    folder: Path
    minutes: float
    seed: int
    bots: int
    shape: tuple[int, int]
    npcs: int
    every_s: float
    checkpoint_s: int
    kinds: tuple[str, ...] = tuple(KINDS)
    keep: Path | None = None
    nice: int = 0


@dataclass
class Seen:
    """What came of a run."""

    faults: list[Fault] = field(default_factory=list)
    players: dict[int, waits.Player] = field(default_factory=dict)
    crowd_of: dict[int, str] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)
    verify: dict[str, Any] = field(default_factory=dict)
    up: dict[str, Any] = field(default_factory=dict)
    bots: list[dict[str, Any]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    said: list[tuple[float, str]] = field(default_factory=list)
    began: float = 0.0
    seconds: float = 0.0


class Run:
    """Everything that runs, and what it tells."""

    def __init__(self, wishes: Wishes, out: TextIO) -> None:
        self.wishes, self.out, self.seen = wishes, out, Seen()
        self.draw = Random(wishes.seed)
        self.ground = Ground(wishes.folder, wishes.shape, wishes.npcs, wishes.seed, wishes.checkpoint_s)
        self.logs = Wire(0, self.ground.log_port, named=True)
        self.doors = Wire(0, 0, named=False)
        self.crowds = Crowds(self.ground.players, wishes.bots, wishes.seed)
        self.beats: dict[int, tuple[float, int]] = {}
        self.auditor: asyncio.subprocess.Process | None = None
        self.audited: dict[str, Any] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.site: Site | None = None

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        since = time.monotonic() - self.seen.began if self.seen.began else 0.0
        print(f"{since:7.1f} s  {text}", file=self.out, flush=True)

    def violation(self, words: str) -> None:
        """Something that must not be."""
        self.seen.violations.append(words)
        self.say(f"VIOLATION: {words}")

    # The whole.

    async def go(self) -> Seen:
        """Start everything, hurt it, stop it in order, have it proved."""
        wishes = self.wishes
        self._task(self._favour())
        await asyncio.to_thread(self.ground.make)
        try:
            await self._start()
            self._task(self._measure())
            await self._everyone_in()
            self.seen.began = began = time.monotonic()
            await asyncio.sleep(SETTLE_S)
            kinds = deck(self.draw, wishes.kinds)
            running: set[asyncio.Task[None]] = set()
            due = time.monotonic()
            while due - began < wishes.minutes * 60 - SETTLE_S:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due += self.draw.uniform(0.5, 1.5) * wishes.every_s
                fault = Fault(len(self.seen.faults) + 1, next(kinds))
                self.seen.faults.append(fault)
                others = [one for one in self.seen.faults[:-1] if not one.ended]
                fault.seen["during"] = [one.number for one in others]
                while fault.kind in EXCLUSIVE and any(one.kind in EXCLUSIVE and not one.ended for one in others):
                    await asyncio.sleep(0.5)
                running.add(task := asyncio.create_task(self._one(fault)))
                task.add_done_callback(running.discard)
            if running:
                await asyncio.wait(running)
            await asyncio.sleep(SETTLE_S)
            self.seen.seconds = time.monotonic() - began
            await self._end()
        finally:
            for one in self.tasks:
                one.cancel()
            await self._close()
        return self.seen

    async def _start(self) -> None:
        await self.logs.open()
        self.ground.start(self.logs.face)
        ends = time.monotonic() + START_S_MAX
        while not self.ground.url:
            if time.monotonic() > ends or (self.ground.up is not None and self.ground.up.poll() is not None):
                raise RuntimeError("the world did not begin: " + " | ".join(text for _, text in self.ground.said[-5:]))
            await asyncio.sleep(0.1)
        self.doors.target = self.ground.door
        await self.doors.open()
        self._task(self._listen())
        self.seen.crowd_of = self.crowds.members()
        await self.crowds.start(f"ws://127.0.0.1:{self.doors.face}")
        command = [sys.executable, "-m", "tests.chaos.auditor", str(self.ground.below), str(self.ground.log_port)]
        command += [str(self.ground.world / "keys" / "nats-token"), str(self.ground.players / "ledgers")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.auditor = await asyncio.create_subprocess_exec(*command, limit=1 << 22, **pipes)  # type: ignore[arg-type]
        self._task(self._hear_auditor())
        self.site = Site(self.ground, self.doors, self.logs, self.crowds, self.draw)

    async def _everyone_in(self) -> None:
        ends = time.monotonic() + START_S_MAX
        while time.monotonic() < ends:
            players = waits.read(self.ground.players / "waits")
            if sum(bool(player.homes) for player in players.values()) >= self.wishes.bots:
                self.say(f"{len(players)} bots are in")
                return
            await asyncio.sleep(1.0)
        self.violation(f"not all of {self.wishes.bots} bots came in within {START_S_MAX} s")

    # One fault.

    async def _one(self, fault: Fault) -> None:
        assert self.site is not None
        before = self.ground.pids()
        said = len(self.ground.said)
        lives, accepted = self.ground.lives, self.doors.accepted
        await do(self.site, fault)
        behind = await self._recovered(fault)
        after = self.ground.pids()
        fault.seen |= {
            "recovered_s": None if behind else round(time.monotonic() - fault.ended, 1),
            "replaced": sorted(name for name, pid in before.items() if name != "spare" and after.get(name) != pid),
            "agent_lives": self.ground.lives - lives,
            "connections": self.doors.accepted - accepted,
            "said": [_plain(text) for _, text in self.ground.said[said:]][:6],
            "load": round(os.getloadavg()[0], 1),
        }
        if behind:
            self.violation(f"fault {fault.number} ({fault.kind}): not recovered within {RECOVERED_S_MAX} s: {behind}")
        self.say(describe(fault))

    async def _recovered(self, fault: Fault) -> str:
        """Wait until every region ticks and the gateway is there; what is behind, when it takes too long."""
        start = {index: n for index, (_, n) in self.beats.items()}
        ends = time.monotonic() + RECOVERED_S_MAX
        behind = "nobody beats"
        while time.monotonic() < ends:
            now = time.monotonic()
            late = [
                f"region {index}"
                for index, (heard, n) in sorted(self.beats.items())
                if index and (now - heard > 1.5 or n < start.get(index, 0) + RECOVERED_TICKS)
            ]
            names = self.ground.pids()
            late += [name for name in ("gateway", "archivist", "agent", "nats") if name not in names]
            if self.beats and not late:
                return ""
            behind = ", ".join(late)
            await asyncio.sleep(0.1)
        return behind

    # Listening.

    async def _listen(self) -> None:
        """Beats, straight from the log server: not over the proxy that is hurt."""

        def hear(_: str, data: bytes) -> None:
            try:
                beat = messages.decode(data)
            except RecordError:
                return
            if isinstance(beat, Beat):
                self.beats[beat.region] = (time.monotonic(), beat.n)

        outside = await connect(f"nats://127.0.0.1:{self.ground.log_port}", self.ground.token(), "chaos", 30.0)
        await Bus(outside).subscribe("*.beat.*", hear)
        await asyncio.sleep(1e9)

    async def _hear_auditor(self) -> None:
        assert self.auditor is not None and self.auditor.stdout is not None
        while line := await self.auditor.stdout.readline():
            words = json.loads(line)
            if "violation" in words:
                self.violation(f"auditor: {words['violation']}")
            elif "final" in words:
                self.seen.audit = words["final"]
            else:
                self.audited = words

    async def _measure(self) -> None:
        before = _cpu()
        while True:
            await asyncio.sleep(5.0)
            now = _cpu()
            self.seen.busy.append((now[0] - before[0]) / max(1, now[1] - before[1]))
            self.seen.load.append(os.getloadavg()[0])
            before = now
            if len(self.seen.load) % 12 == 0:
                figures = {name: self.audited.get(name) for name in ("checkpoint", "records", "actions_matched")}
                self.say(
                    f"so far: {len(self.seen.faults)} faults, audit {figures}, {self.audited.get('trouble') or ''}"
                )

    async def _favour(self) -> None:
        while self.wishes.nice:
            await asyncio.to_thread(favour, self.wishes.nice, os.getpid())
            await asyncio.sleep(1.0)

    def _task(self, work: Any) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(work))

    # Ending.

    async def _end(self) -> None:
        self.seen.bots = await self.crowds.end()
        if len(self.seen.bots) != CROWDS:
            self.violation(f"{CROWDS - len(self.seen.bots)} crowds did not end in order")
        status, self.seen.up = await asyncio.to_thread(self.ground.stop, STOP_S_MAX)
        if status != 0:
            self.violation(f"the planned stop ended with status {status}")
        assert self.auditor is not None and self.auditor.stdin is not None
        self.auditor.stdin.write(b"finish\n")
        await asyncio.wait_for(self.auditor.wait(), 1800)
        await asyncio.sleep(0.5)
        if not self.seen.audit:
            self.violation(f"the auditor ended with status {self.auditor.returncode} and no report")
        command = (sys.executable, "-m", "clients.cli", "verify", "--from", str(self.ground.below), "--json")
        proving = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        out, _ = await proving.communicate()
        if self.wishes.keep is not None:
            await asyncio.to_thread(shutil.copytree, self.ground.below, self.wishes.keep / "store", dirs_exist_ok=True)
        self.seen.verify = json.loads(out.decode().strip().splitlines()[-1]) if out.strip() else {}
        if not self.seen.verify.get("ok"):
            self.violation(f"everloom verify: {self.seen.verify}")
        self.seen.players = waits.read(self.ground.players / "waits")
        for bot, player in self.seen.players.items():
            if player.over:
                self.violation(f"bot {bot} would not come back: {player.over[-1]}")

    async def _close(self) -> None:
        self.seen.said = [(when - self.seen.began, _plain(text)) for when, text in self.ground.said]
        if self.auditor is not None and self.auditor.returncode is None:
            self.auditor.kill()
            await self.auditor.wait()
        await self.crowds.close()
        await self.logs.close()
        await self.doors.close()
        await asyncio.to_thread(self.ground.close)


def _cpu() -> tuple[int, int]:
    """Ticks of all processors: busy, all."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)[:300]


def describe(fault: Fault) -> str:
    """One fault in one line, as far as it is known while the run goes on."""
    seen = fault.seen
    words = f"fault {fault.number}: {fault.kind} {fault.target} {fault.detail}".rstrip()
    if "not done" in seen:
        return f"{words}: not done: {seen['not done']}"
    replaced = f"; replaced: {', '.join(seen['replaced'])}" if seen.get("replaced") else ""
    came = f"; {seen['connections']} new connections" if seen.get("connections") else ""
    back = f"recovered {seen['recovered_s']} s after it" if seen.get("recovered_s") is not None else "NOT RECOVERED"
    return f"{words}: {back}{replaced}{came}"
