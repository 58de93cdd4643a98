"""The faults of a chaos run: a shuffled deck of kinds, so that each gets its share, and how each is done and undone.

A fault says whom it touches: the owners of which regions, the log, or the players' way in. Who waits is judged by that.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Final

from tests.chaos.site import Fault, Site
from tests.chaos.wire import Line, Wire

SHORT_S: Final = (0.3, 2.0)  # shorter than the agent's patience with a silent process
LONG_S: Final = (5.0, 12.0)
LOG_LONG_S: Final = (13.0, 18.0)  # longer than its patience with the log server
JUMPS_S: Final = (-86_400, -3_600, -30, -2, 2, 30, 3_600, 86_400)


def _touch(fault: Fault, name: str) -> None:
    """Note whom a fault of the process of this name touches."""
    fault.target = name
    if name.startswith("region "):
        fault.owners = frozenset({int(name.removeprefix("region "))})
    fault.log = name in ("nats", "agent")
    fault.line = "all" if name == "gateway" else ""


async def _kill(site: Site, fault: Fault, name: str) -> None:
    _touch(fault, name)
    pid = await site.pid(name)
    fault.began = time.monotonic()
    os.kill(pid, signal.SIGKILL)


async def _stop(site: Site, fault: Fault, name: str, seconds: float) -> None:
    _touch(fault, name)
    pid = await site.pid(name)
    fault.began, fault.detail = time.monotonic(), f"{seconds:.1f} s"
    try:
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        fault.detail += ", then went on"
    except ProcessLookupError:
        fault.detail += ", killed meanwhile by its keeper"


def _seconds(site: Site, kind: str, long: tuple[float, float] = LONG_S) -> float:
    return site.draw.uniform(*site.turn(kind, (SHORT_S, long)))


async def kill_region(site: Site, fault: Fault) -> None:
    await _kill(site, fault, site.any_region())


async def kill_gateway(site: Site, fault: Fault) -> None:
    await _kill(site, fault, "gateway")


async def kill_archivist(site: Site, fault: Fault) -> None:
    await _kill(site, fault, "archivist")


async def kill_agent(site: Site, fault: Fault) -> None:
    await _kill(site, fault, "agent")


async def kill_log(site: Site, fault: Fault) -> None:
    await _kill(site, fault, "nats")


async def kill_bots(site: Site, fault: Fault) -> None:
    fault.target = fault.line = site.turn("bots", site.crowds.names)
    fault.began = time.monotonic()
    os.kill(site.crowds.pid(fault.target), signal.SIGKILL)
    await asyncio.sleep(site.draw.uniform(0.5, 5.0))
    await site.crowds.revive(fault.target)


async def stop_region(site: Site, fault: Fault) -> None:
    await _stop(site, fault, site.any_region(), _seconds(site, fault.kind))


async def stop_gateway(site: Site, fault: Fault) -> None:
    await _stop(site, fault, "gateway", _seconds(site, fault.kind))


async def stop_archivist(site: Site, fault: Fault) -> None:
    await _stop(site, fault, "archivist", _seconds(site, fault.kind))


async def stop_agent(site: Site, fault: Fault) -> None:
    await _stop(site, fault, "agent", _seconds(site, fault.kind))
    fault.log = False  # nobody needs the agent as long as nobody dies


async def stop_log(site: Site, fault: Fault) -> None:
    await _stop(site, fault, "nats", _seconds(site, fault.kind, LOG_LONG_S))


async def stop_bots(site: Site, fault: Fault) -> None:
    fault.target = fault.line = site.turn("bots", site.crowds.names)
    pid, seconds = site.crowds.pid(fault.target), _seconds(site, fault.kind)
    fault.began, fault.detail = time.monotonic(), f"{seconds:.1f} s"
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    if site.crowds.pid(fault.target) == pid:
        os.kill(pid, signal.SIGCONT)


def _chosen(site: Site, fault: Fault) -> tuple[Wire, Callable[[Line], bool]]:
    """Which lines a fault of the network meets: a share of the players', or one process's to the log server."""
    where = site.turn(fault.kind, ("players", "region", "gateway", "players", "region", "archivist", "world", "agent"))
    if where == "players":
        fault.target, fault.line = "players' lines", "all"
        share = site.draw.uniform(0.2, 1.0)
        fault.detail = f"{share:.0%} of them"
        return site.doors, lambda line: site.draw.random() < share
    name = site.any_region() if where == "region" else where
    _touch(fault, name)
    fault.log = False
    fault.target = f"{name}'s line to the log server"
    return site.logs, lambda line: line.name == name


async def cut(site: Site, fault: Fault) -> None:
    wire, chosen = _chosen(site, fault)
    fault.began = time.monotonic()
    lines = [line for line in wire.lines if chosen(line)]
    for line in lines:
        line.cut()
    fault.seen["lines"] = len(lines)


async def half_open(site: Site, fault: Fault) -> None:
    wire, chosen = _chosen(site, fault)
    ways = site.turn("ways", ((True, True), (True, False), (False, True)))
    seconds = site.draw.uniform(2.0, 8.0)
    words = {(True, True): "both ways", (True, False): "towards the server", (False, True): "from the server"}[ways]
    fault.detail = f"{fault.detail} {words}, new lines for {seconds:.1f} s".strip()
    fault.began, count = time.monotonic(), 0

    def hurt(line: Line) -> None:
        nonlocal count
        if chosen(line):
            count += 1
            line.lost = list(ways)

    for line in list(wire.lines):
        hurt(line)
    wire.meet = hurt
    await asyncio.sleep(seconds)
    wire.meet = None
    fault.seen["lines"] = count


async def throttle(site: Site, fault: Fault) -> None:
    wire, chosen = _chosen(site, fault)
    rate, seconds = site.draw.choice((1_000, 4_000, 16_000)), site.draw.uniform(4.0, 10.0)
    fault.detail = f"{fault.detail} {rate} bytes/s each for {seconds:.1f} s".strip()
    fault.began, slowed = time.monotonic(), set[Line]()

    def hurt(line: Line) -> None:
        if chosen(line):
            line.rate = rate
            slowed.add(line)

    for line in list(wire.lines):
        hurt(line)
    wire.meet = hurt
    await asyncio.sleep(seconds)
    wire.meet = None
    for line in slowed:
        line.rate = 0
    fault.seen["lines"] = len(slowed)


async def disk_full(site: Site, fault: Fault) -> None:
    fault.target = site.turn("disk", ("world/log", "world", "below"))
    fault.log = fault.target == "world/log"
    seconds = site.draw.uniform(3.0, 12.0)
    fault.detail = f"{seconds:.1f} s, {site.ground.used_mb(fault.target)} MB in use before"
    fault.began = time.monotonic()
    try:
        await asyncio.to_thread(site.ground.fill, fault.target)
        await asyncio.sleep(seconds)
    finally:
        site.ground.free(fault.target)


async def clock_jump(site: Site, fault: Fault) -> None:
    name = site.turn("clock", ("region", "gateway", "archivist", "region", "world", "agent"))
    fault.target = site.any_region() if name == "region" else name
    jump = site.turn("jump", JUMPS_S)
    pid = await site.pid(fault.target)
    if name == "agent":  # libfaketime's file is named by the process that it was forked from
        assert site.ground.up is not None
        pid = site.ground.up.pid
    fault.began = time.monotonic()
    site.ground.set_clock(pid, jump)
    fault.detail = f"{jump:+d} s"
    await asyncio.sleep(site.draw.uniform(4.0, 12.0))
    if site.draw.random() < 0.5:
        site.ground.set_clock(pid, 0)
        fault.detail += ", and back"


async def store_away(site: Site, fault: Fault) -> None:
    await _lie(site, fault, site.turn("away", ("away", "empty")))


async def store_lies(site: Site, fault: Fault) -> None:
    await _lie(site, fault, site.turn("lies", ("flips", "truncates", "forgets", "garbles")))


async def _lie(site: Site, fault: Fault, mode: str) -> None:
    seconds = site.draw.uniform(6.0, 16.0)
    fault.target, fault.detail = "store", f"{mode}, {seconds:.1f} s"
    fault.began = time.monotonic()
    site.ground.lie(mode)
    try:
        await asyncio.sleep(seconds)
    finally:
        site.ground.lie("honest")


KINDS: Final[dict[str, Callable[[Site, Fault], Awaitable[None]]]] = {
    "kill region": kill_region,
    "kill gateway": kill_gateway,
    "kill archivist": kill_archivist,
    "kill agent": kill_agent,
    "kill log": kill_log,
    "kill bots": kill_bots,
    "stop region": stop_region,
    "stop gateway": stop_gateway,
    "stop archivist": stop_archivist,
    "stop agent": stop_agent,
    "stop log": stop_log,
    "stop bots": stop_bots,
    "cut": cut,
    "half-open": half_open,
    "throttle": throttle,
    "disk full": disk_full,
    "clock jump": clock_jump,
    "store away": store_away,
    "store lies": store_lies,
}
EXCLUSIVE: Final = frozenset({"store away", "store lies"})  # one wish at a time, as the other would undo it


def deck(draw: Random, kinds: tuple[str, ...]) -> Iterator[str]:
    """Kinds for ever: all of them in any order, then all of them again."""
    while True:
        yield from draw.sample(kinds, len(kinds))


async def do(site: Site, fault: Fault) -> None:
    """Do one fault and undo it; what does not come about is told in `seen`."""
    fault.began = time.monotonic()
    try:
        await KINDS[fault.kind](site, fault)
    except (LookupError, ProcessLookupError) as error:
        fault.seen["not done"] = str(error)
    fault.ended = time.monotonic()
