"""Light bots (`clients.bench.light_bot`), many in one process.

`python -m clients.bench.light` reads one JSON line (`Orders`), prints a line when all its bots are in, waits for a
line, measures for the seconds asked for, prints its report and ends.
"""

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from setproctitle import setproctitle

from clients.bench.light_bot import Bot, Counted, Orders
from clients.bots.ledger import Ledger
from clients.bots.report import percentile
from clients.seen import warm

INPUT_S: Final = 0.1
JOIN_EVERY_S: Final = 0.015
SETTLE_S: Final = 3.0


async def _drive(bots: list[Bot], ended: asyncio.Event) -> None:
    """Every bot acts each INPUT_S, spread over it."""
    due, at = time.monotonic(), 0
    each = INPUT_S / max(1, len(bots))
    while not ended.is_set():
        now = time.monotonic()
        while due <= now:
            bots[at].act()
            at, due = (at + 1) % len(bots), due + each
            if now - due > 1.0:
                due = now
        await asyncio.sleep(max(0.001, due - time.monotonic()))


async def run(orders: Orders) -> dict[str, Any]:
    """Join, wait for the word, measure, tell."""
    loop = asyncio.get_running_loop()
    warm()
    counted, ended = Counted(), asyncio.Event()
    ledger = Ledger(Path(orders.ledger)) if orders.ledger else None
    bots = [Bot(number, orders, counted, ledger) for number in range(orders.count)]
    driving = loop.create_task(_drive(bots, ended))
    for bot in bots:
        await loop.create_connection(lambda bot=bot: bot, orders.host, orders.port)  # type: ignore[misc]
        await asyncio.sleep(JOIN_EVERY_S)
    until = time.monotonic() + 60
    while time.monotonic() < until and not all(bot.ready or bot.lost for bot in bots):
        await asyncio.sleep(0.1)
    gc.freeze()
    _tell({"ready": sum(bot.ready for bot in bots), "lost": Counter(bot.lost for bot in bots if bot.lost)})
    await loop.run_in_executor(None, sys.stdin.readline)
    await asyncio.sleep(orders.pause_s)
    cpu, began, counted.measuring = time.process_time(), time.monotonic(), True
    await asyncio.sleep(orders.seconds)
    counted.measuring, seconds, cpu = False, time.monotonic() - began, time.process_time() - cpu
    ended.set()
    await driving
    for bot in bots:
        bot.stand()
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until and any(bot.session.pending for bot in bots if not bot.lost):
        await asyncio.sleep(0.05)
    report = _report(orders, bots, counted, seconds, cpu)
    for bot in bots:
        if bot.transport is not None:
            bot.transport.close()
    if ledger is not None:
        ledger.close()
    return report


def _report(orders: Orders, bots: list[Bot], counted: Counted, seconds: float, cpu: float) -> dict[str, Any]:
    looks = [bot.frames / seconds for bot in bots]
    return {
        "bots": orders.count,
        "ready": sum(bot.ready for bot in bots),
        "lost": dict(Counter(bot.lost for bot in bots if bot.lost)),
        "seconds": round(seconds, 2),
        "bots_cpu_percent": round(100 * cpu / seconds, 1),
        "down_bytes_s_client": round(counted.bytes / seconds / orders.count, 1),
        "looks_s_p50": percentile(looks, 50),
        "looks_s_min": percentile(looks, 0),
        "frames_s_client": round(counted.frames / seconds / orders.count, 2),
        "frame_bytes": round(counted.bytes / max(1, counted.frames)),
        "gap_ms_p50": percentile(counted.gap_ms, 50),
        "gap_ms_p99": percentile(counted.gap_ms, 99),
        "gap_ms_max": percentile(counted.gap_ms, 100),
        "lat_ms_p50": percentile(counted.lat_ms, 50),
        "lat_ms_p99": percentile(counted.lat_ms, 99),
        "actions_sent_s": round(counted.sent / seconds, 1),
        "actions_acked_s": round(counted.acked / seconds, 1),
        "unacknowledged": sum(len(bot.session.pending) for bot in bots),
        "tick_late_ms_max": max(counted.late_ms, default=0),
        "rate_steps": {str(step): count for step, count in sorted(counted.steps.items())},
        "crossed": counted.crossed,
        "cross_gap_ms_p50": percentile(counted.cross_gap_ms, 50),
        "cross_gap_ms_p99": percentile(counted.cross_gap_ms, 99),
        "cross_gap_ms_max": percentile(counted.cross_gap_ms, 100),
        "jump_tiles_p99": round(float(np.percentile(counted.jumps, 99)), 3) if counted.jumps else None,
        "jump_tiles_max": round(max(counted.jumps), 3) if counted.jumps else None,
        "jumps_seen": len(counted.jumps),
        "frames_anew": counted.anew,
        "frames_slowed": counted.slowed,
    }


def _tell(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    setproctitle("everloom: bench bots")
    _tell(asyncio.run(run(msgspec.json.decode(sys.stdin.readline(), type=Orders))))
