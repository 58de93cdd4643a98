"""`everloom bench scaling`: one region against two that share the same world, the log, ghosts and crossings on.

A meadow with so many deer and players is run with `--regions 1x1` and `2x1` in turn, the same binary, one player in
CROSSER, those who begin near it, walking to and fro over what is the border of the two. Both runs do the same ticks;
what a region spends on one bounds how many it could do on a core of its own. So the speed-up is the CPU time of the one
region for a tick over that of the busier of the two, which other work on the machine hardly touches.
"""

import asyncio
import statistics
from dataclasses import replace
from typing import Any, Final

from rich.console import Console

from clients.bench.conditions import conditions, tell
from clients.bench.crowds import Scene, measure

ROUNDS: Final = 7
DEER: Final = 6_400
PLAYERS: Final = 480
SIDE: Final = 256
SECONDS: Final = 10.0
CROSSER: Final = 6
COMES_S: Final = 12.0  # until the last of them has come to the border
Row = dict[str, Any]


def run(as_json: bool, rounds: int = ROUNDS) -> int:
    """Run it; exit status 1 when an action was lost or repeated."""
    console = Console(stderr=True)
    one = Scene(
        "one",
        PLAYERS,
        walk="border",
        one_in=CROSSER,
        seconds=SECONDS,
        pause_s=COMES_S,
        side_tiles=SIDE,
        goal=(SIDE / 2, SIDE / 2),
        deer=DEER,
        speed=3.9,
    )
    scenes = (one, replace(one, name="two", shape=(2, 1)))
    runs: list[list[Row]] = [[], []]
    for number in range(rounds):
        for found, scene in zip(runs, scenes, strict=True):
            console.print(f"round {number + 1} of {rounds}", highlight=False)
            found.append(asyncio.run(measure(scene, lambda text: console.print(text, highlight=False))))
    ratios = [busiest(before) / busiest(after) for before, after in zip(*runs, strict=True)]
    two = runs[1]
    crossings = statistics.median(row["crossed"] / row["seconds"] for row in two)
    row = {
        "bench": "scaling",
        "workload": f"{two[0]['bodies_in_regions']} bodies, {PLAYERS} of them players, {PLAYERS // CROSSER} of whom "
        f"walk to and fro over the border, on {SIDE} x {SIDE} open tiles, log and ghosts on; {SECONDS:.0f} s each, in "
        f"turn, medians of {rounds}",
        "speed_up": round(statistics.median(ratios), 2),
        "speed_ups": [round(ratio, 2) for ratio in ratios],
        "one_region_ms_per_tick": round(statistics.median(map(busiest, runs[0])), 2),
        "busier_of_two_ms_per_tick": round(statistics.median(map(busiest, two)), 2),
        "crossings_per_s": round(crossings, 1),
        "actions_lost": sum(row["actions_lost"] or 0 for row in runs[0] + two),
        "actions_repeated": sum(row["actions_repeated"] or 0 for row in runs[0] + two),
        "region_memory_mb": max(regions_of(two[-1]["memory_mb"]).values()),
        "work_ms_by_phase": [runs[0][-1]["work_ms_by_phase"], two[-1]["work_ms_by_phase"]],
        **conditions(),
    }
    tell(row, as_json)
    return 1 if row["actions_lost"] or row["actions_repeated"] else 0


def busiest(row: Row) -> float:
    """Milliseconds of CPU a tick of the region that spent most."""
    return max(regions_of(row["cpu_ms_per_tick_by_process"]).values())


def regions_of(figures: dict[str, float]) -> dict[str, float]:
    """Of figures by process those of regions with land."""
    return {name: value for name, value in figures.items() if name.startswith("region ") and name != "region world"}
