"""Probes: how long it takes from sending an action until the frame that shows its effect is decoded.

A probe stands still, waits a random time, sends a Move to where it does not look, and waits for the first frame in
which its body has turned that way (it turns even where a wall or a crowd does not let it step); then it stops and
stands again. It runs in a process of its own, so that no bot's work is in the figure.
"""

import asyncio
import json
import math
import signal
import time
from random import Random
from typing import Any, Final

from rich.console import Console
from setproctitle import setproctitle

from archive.keys import Ed25519Key
from clients.bots.behaviours import Sight, steer, whims
from clients.bots.report import percentile
from clients.connection import Connection
from clients.seen import Frame, warm
from world.actions import Move
from world.movement import facing

STILL_FRAMES: Final = 3  # that a probe must be seen standing in before it sends
WAIT_MS: Final = (50.0, 450.0)  # uniformly random before it sends
WALK_MS: Final = (150.0, 300.0)
TURNS_TRIED: Final = 8
AWAY: Final = ((-127, 0), (-90, -90), (0, -127), (90, -90), (127, 0), (90, 90), (0, 127), (-90, 90))  # by facing
LOST_MS: Final = 5_000.0  # an effect not seen for so long is counted as missing: something stood in the way


class Probe:
    """One probe client."""

    def __init__(self, url: str, random: Random) -> None:
        self.connection = Connection(url, Ed25519Key.generate(), shown=self._shown)
        self.effect_ms: list[float] = []
        self.missing = 0
        self._random = random
        self._still = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sent_ms = 0.0
        self._way = -1  # the facing that shows the effect

    def _shown(self, frame: Frame, size: int) -> None:
        seen = self.connection.seen
        assert seen is not None
        body = seen.find(self.connection.session.entity)
        now_ms = time.perf_counter() * 1000
        if body is None or not self.connection.serving:
            return
        if self._sent_ms:
            if body.facing == self._way:
                self.effect_ms.append(now_ms - self._sent_ms)
                self._halt()
            elif now_ms - self._sent_ms > LOST_MS:
                self.missing += 1
                self._halt()
            return
        self._still = self._still + 1 if (body.step_x, body.step_y) == (0, 0) else 0
        if self._still >= STILL_FRAMES and self._timer is None:
            self._later(WAIT_MS, self._go)

    def _go(self) -> None:
        self._timer = None
        seen, session = self.connection.seen, self.connection.session
        body = seen.find(session.entity) if seen is not None else None
        if seen is None or body is None or not self.connection.serving or (body.step_x, body.step_y) != (0, 0):
            return
        move = self._elsewhere(Sight(session.entity, seen, body), body.facing)
        self._way = facing(move.dx, move.dy, body.facing)
        self._sent_ms = time.perf_counter() * 1000
        self.connection.act(move)

    def _elsewhere(self, sight: Sight, looking: int) -> Move:
        """A step in a random direction, as far as it is not where the body looks already."""
        for _ in range(TURNS_TRIED):
            angle = self._random.uniform(-math.pi, math.pi)
            move = steer(sight, math.cos(angle), math.sin(angle))
            if facing(move.dx, move.dy, looking) != looking:
                return move
        return Move(*AWAY[looking])

    def _halt(self) -> None:
        """Walk on a little, so that one place does not wear out, then stand."""
        self._sent_ms = 0.0
        self._still = 0
        self._later(WALK_MS, self._stand)

    def _stand(self) -> None:
        self._timer = None
        if self.connection.session.room > 0:
            self.connection.act(Move(0, 0))

    def _later(self, between_ms: tuple[float, float], what: Any) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._random.uniform(*between_ms) / 1000, what)


async def _run(url: str, count: int, seconds: float | None, seed: int) -> dict[str, Any]:
    warm()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    probes = [Probe(url, whims(seed, str(i))) for i in range(count)]
    tasks = [asyncio.create_task(probe.connection.run()) for probe in probes]
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        pass
    finally:
        await asyncio.gather(*(probe.connection.stop() for probe in probes))
        for task in tasks:
            task.cancel()
    found = [one for probe in probes for one in probe.effect_ms]
    return {
        "probes": count,
        "effects": len(found),
        "effects_missing": sum(probe.missing for probe in probes),
        "effect_ms_p50": percentile(found, 50),
        "effect_ms_p99": percentile(found, 99),
        "effect_ms_max": percentile(found, 100),
        "reconnects": sum(probe.connection.reconnects for probe in probes),
    }


def run(url: str, count: int, seconds: float | None, seed: int, as_json: bool) -> int:
    """Measure until Ctrl-C, SIGTERM or for some seconds; the exit status."""
    setproctitle("everloom: probe")
    found = asyncio.run(_run(url, count, seconds, seed))
    if as_json:
        print(json.dumps(found), flush=True)
    else:
        Console().print(
            f"{found['effects']} actions: their effect was seen after {found['effect_ms_p50']} ms (median),"
            f" {found['effect_ms_p99']} ms (99 %), {found['effect_ms_max']} ms (slowest)",
            highlight=False,
        )
    return 0 if found["effects"] else 1
