"""`everloom bench paths DIR`: the NPCs' own path-finding on Moving AI scenarios of known length, and its rate.

The game pays 1000 and 1414 for a step, which cannot tell near ties of real lengths apart; so here `find_path` is given
1000000 and 1414214, the steps of the path it finds are counted, and a + b * sqrt(2) is compared with the optimum.
"""

import json
import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from rich.console import Console
from rich.progress import track

from clients.map_files import MapError, Scenario, load_map, load_scen
from world.land import hashed
from world.pathfinding import BOUND_MAX, DIAGONAL_COST, STRAIGHT_COST, Scratch, find_path, make_scratch
from world.tilemap import solid

TOLERANCE = 1e-3
EXACT_STRAIGHT, EXACT_DIAGONAL = 1_000_000, 1_414_214
NO_LIMIT = 2**40
RADIUS = 32
RANDOM_PATHS = 30_000

Cells = npt.NDArray[np.int32]
Mask = npt.NDArray[np.uint8]


class Result(NamedTuple):
    scenarios: int
    matched: int
    worst: float
    """The largest difference to an optimum; infinite where a scenario's path was not found."""
    seconds: float
    """Spent in `find_path` alone."""


def run(folder: Path, as_json: bool, bound: int | None = None, radius_32: bool = False) -> int:
    """Runs every .scen of a folder on the map beside it; the exit status is 1 unless all lengths match.

    `bound` is `find_path`'s, in tiles; by default each map's longer side, so that nothing is out of reach. With
    `radius_32` the rate of random paths within 32 tiles on a map with 20 % blocked is measured too, at the
    game's costs.
    """
    console = Console(stderr=as_json)
    total, worst, seconds, matched = 0, 0.0, 0.0, 0
    try:
        files = sorted(folder.glob("*.scen"))
        if not files:
            raise MapError(folder, "holds no .scen file", "name a folder with .map files and their .map.scen files")
        for file in files:
            result = run_file(file, bound, console)
            total, matched = total + result.scenarios, matched + result.matched
            worst, seconds = max(worst, result.worst), seconds + result.seconds
            line = f"{file.name}: {result.matched} of {result.scenarios} match, worst {result.worst:.6f}"
            console.print(line, markup=False, highlight=False)
    except MapError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    figures: dict[str, object] = {
        "scenarios": total,
        "matched": matched,
        "worst": worst if math.isfinite(worst) else None,
        "paths_per_s": round(total / max(seconds, 1e-9), 1),
    }
    if radius_32:
        figures["paths_per_s_radius_32"] = round(random_rate(), 1)
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            console.print(f"{name}: {value}", highlight=False)
    return 0 if matched == total else 1


def run_file(file: Path, bound: int | None, console: Console) -> Result:
    """All scenarios of one file. Raises MapError, for a scenario that is not of this map too."""
    map_file = file.with_suffix("")
    played = load_map(map_file)
    blocked = solid(played.terrain, played.feature)
    scenarios = load_scen(file)
    reach = min(bound if bound is not None else max(played.width, played.height), BOUND_MAX)
    if reach < 1:
        raise MapError(file, f"cannot be run with a bound of {reach} tiles", "give a bound of at least 1")
    scratch = make_scratch(reach)
    out = np.empty((blocked.size, 2), np.int32)
    for scenario in scenarios[:1]:
        _search(blocked, scenario, reach, scratch, out)  # compiled, or loaded from the cache, before the clock runs
    matched, worst, seconds = 0, 0.0, 0.0
    quiet = not console.is_terminal
    for scenario in track(scenarios, description=file.name, console=console, transient=True, disable=quiet):
        if not (scenario.width <= played.width and scenario.height <= played.height):
            what = f"has a scenario for a map of {scenario.width} x {scenario.height} tiles"
            raise MapError(file, what, f"{map_file.name} is {played.width} x {played.height}: take both files again")
        started = time.perf_counter()
        cells = _search(blocked, scenario, reach, scratch, out)
        seconds += time.perf_counter() - started
        difference = abs(length(out[:cells], blocked) - scenario.optimum) if cells else math.inf
        matched += difference <= TOLERANCE
        worst = max(worst, difference)
    return Result(len(scenarios), matched, worst, seconds)


def length(path: Cells, blocked: Mask) -> float:
    """The length of a path of cells: a straight step is 1, a diagonal one sqrt(2); infinite if it cannot be walked."""
    steps = np.diff(path, axis=0)
    beside = np.abs(steps).sum(axis=1)
    corners = np.maximum(blocked[path[:-1, 1], path[1:, 0]], blocked[path[1:, 1], path[:-1, 0]])
    if blocked[path[:, 1], path[:, 0]].any() or corners.any() or not ((np.abs(steps) <= 1).all() and beside.all()):
        return math.inf
    diagonal = int((beside == 2).sum())
    return len(steps) - diagonal + diagonal * math.sqrt(2)


def random_map() -> Mask:
    """uint8[512, 512] with a fifth of the tiles blocked."""
    ys, xs = np.mgrid[0:512, 0:512]
    return (hashed(1, 1, xs, ys) < 65536 * 20 // 100).astype(np.uint8)


def random_rate() -> float:
    """Paths a second of processor time, one after another in compiled code, as the NPCs ask for them."""
    blocked = random_map()
    side = len(blocked)
    number = np.arange(4 * RANDOM_PATHS)
    sx, sy = (hashed(1, salt, number, 0) % side for salt in (2, 3))
    gx, gy = (place + hashed(1, salt, number, 0) % (2 * RADIUS + 1) - RADIUS for place, salt in ((sx, 4), (sy, 5)))
    inside = (gx >= 0) & (gy >= 0) & (gx < side) & (gy < side)
    ends = np.stack([sx, sy, gx, gy], axis=1)[inside]
    ends = ends[(blocked[ends[:, 1], ends[:, 0]] == 0) & (blocked[ends[:, 3], ends[:, 2]] == 0)][:RANDOM_PATHS]
    scratch, out = make_scratch(RADIUS), np.empty((4 * RADIUS**2, 2), np.int32)
    _search_all(blocked, ends[:10], scratch, out)
    started = time.process_time()
    _search_all(blocked, ends, scratch, out)
    return len(ends) / (time.process_time() - started)


def _search(blocked: Mask, scenario: Scenario, bound: int, scratch: Scratch, out: Cells) -> int:
    height, width = blocked.shape
    sx, sy, gx, gy = scenario.start_x, scenario.start_y, scenario.goal_x, scenario.goal_y
    return int(
        find_path(blocked, width, height, sx, sy, gx, gy, bound, NO_LIMIT, EXACT_STRAIGHT, EXACT_DIAGONAL, scratch, out)
    )


@njit(cache=True)
def _search_all(blocked: Mask, ends: npt.NDArray[np.int64], scratch: Scratch, out: Cells) -> int:
    found = 0
    height, width = blocked.shape
    for k in range(ends.shape[0]):
        sx, sy, gx, gy = ends[k, 0], ends[k, 1], ends[k, 2], ends[k, 3]
        found += (
            find_path(
                blocked, width, height, sx, sy, gx, gy, RADIUS, NO_LIMIT, STRAIGHT_COST, DIAGONAL_COST, scratch, out
            )
            > 0
        )
    return found
