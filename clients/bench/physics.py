"""`everloom bench physics`: the kernel that moves bodies and pushes them apart, beside Box2D and Chipmunk.

All engines run the same scene (`clients.bench.scene`) and take turns within one run: so many ticks of each, round after
round, in seconds of this thread's CPU. A tick is steering, exchange of arrays, one step of 50 ms;
new goals are the scene's and are not counted.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from clients.bench.engines import Engine, Everloom, installed
from clients.bench.scene import Overlaps, make_scene, overlaps

ROUNDS: Final = 5
TICKS: Final = {"everloom": 40, "pyb2d3": 4, "pymunk": 2}
WARM_TICKS: Final = 130  # two goals of every body: by then they press on one another as they will
SETTLE_TICKS: Final = 20  # of the other engines, from there
SIZES: Final = (10_000, 50_000)
BUDGET_S: Final = 0.025
Row = dict[str, Any]


def physics(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS, warm_ticks: int = WARM_TICKS) -> Row:
    """One row for all sizes."""
    names = list(installed())
    row: Row = {
        "workload": f"{' and '.join(map(str, sizes))} circles of radius 0.4, one to 4 square units, all awake, "
        f"20 % of the tiles blocked, no handovers; {', '.join(names)} in turn, medians of {rounds}"
    }
    for bodies in sizes:
        for name, value in _measure(bodies, rounds, warm_ticks).items():
            row[f"{name}_{bodies // 1000}k"] = value
    return row


def _measure(bodies: int, rounds: int, warm_ticks: int) -> Row:
    scene = make_scene(bodies)
    first = Everloom(scene)
    _run(first, warm_ticks)
    # The others begin where ours is by then and settle a while, as their first hundred ticks would take minutes.
    xs, ys = first.places()
    crowded = replace(scene, xs=xs, ys=ys)
    others = {name: make(crowded) for name, make in installed().items() if name != "everloom"}
    engines: dict[str, Engine] = {"everloom": first, **others}
    for engine in others.values():
        _run(engine, SETTLE_TICKS)
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    seen: dict[str, list[Overlaps]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            seconds[name].append(_run(engine, TICKS[name]) / TICKS[name])
            seen[name].append(overlaps(*engine.places(), scene.side))
    row: Row = {}
    for name, took in seconds.items():
        found, prefix = seen[name], "" if name == "everloom" else f"{name}_"
        pairs = sum(one.pairs for one in found)
        row[f"{prefix}bodies_in_25_ms"] = round(BUDGET_S / statistics.median(took) * bodies)
        row[f"{prefix}ns_per_body"] = round(statistics.median(took) / bodies * 1e9)
        row[f"{prefix}pairs_per_body"] = round(pairs / len(found) / bodies, 3)
        row[f"{prefix}penetration_mean"] = round(sum(one.mean * one.pairs for one in found) / max(1, pairs), 5)
        row[f"{prefix}deep_percent"] = round(100 * sum(one.deep for one in found) / max(1, pairs), 3)
    best = min((statistics.median(took) for name, took in seconds.items() if name != "everloom"), default=None)
    if best is not None:
        row["ratio_to_best"] = round(best / statistics.median(seconds["everloom"]), 1)
    return row


def _run(engine: Engine, ticks: int) -> float:
    """So many ticks; the seconds of this thread's CPU."""
    seconds = 0.0
    for _ in range(ticks):
        engine.aim()
        began = time.thread_time()
        engine.tick()
        seconds += time.thread_time() - began
    return seconds
