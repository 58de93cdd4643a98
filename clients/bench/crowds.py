"""`everloom bench openworld | hotspot | crossings`: many players on a world of its own, each process's CPU told.

The world is real (`everloom up` with its log, archivist and doors); the bots (`clients.bench.light`) are processes of
their own on the same cores. What an `openworld` player does and sees is the fixed workload openworld-v1: the square's
side follows from the number of players so that 40 are expected in view; one of its units is UNIT tiles here.
"""

import asyncio
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from clients.bench.conditions import Row, conditions, keep
from clients.bench.cpu import spent
from clients.pulse import Pulse, connect_to
from regions.shell.files import WorldDir
from regions.shell.nats_server import free_port
from regions.shell.usage import CLOCK_HZ
from regions.shell.wiring import found_world
from world.tilemap import TileMap, make_map
from world.units import CHUNK_TILES, TICKS_PER_SECOND

UNIT: Final = 0.75  # tiles: 32 units, half the side of a view, are the 24 tiles that a client surely sees
SPEED_UNITS_S: Final = 5.0
HALF_UNITS: Final = 32.0
VISIBLE: Final = 40
WARM_UP_S: Final = 6.0
START_S_MAX: Final = 240.0
JOIN_S_MAX: Final = 120.0
STOP_S_MAX: Final = 180.0
SETTLE_S: Final = 2.0
SCENES: Final = ("openworld", "hotspot", "crossings")


@dataclass(frozen=True)
class Scene:
    """What is run: players, regions, how they walk, for how long, and how many processes of bots."""

    name: str
    players: int
    shape: tuple[int, int] = (1, 1)
    walk: str = "open"
    one_in: int = 1  # of so many players one, who begins near the goal, walks that way, the others "open"
    seconds: float = 10.0
    pause_s: float = WARM_UP_S
    side_tiles: int = 0  # 0: as openworld-v1 has it
    goal: tuple[float, float] = (0.0, 0.0)
    speed: float = SPEED_UNITS_S * UNIT
    bot_processes: int = 2
    probes: int = 0  # bots of each process that read whole frames
    deer: int = 0  # NPCs of the whole world, spread over all of it

    @property
    def side(self) -> int:
        """Tiles along the square, whole chunks."""
        if self.side_tiles:
            return self.side_tiles
        share = math.sqrt(VISIBLE / self.players) if self.players > VISIBLE else 1.0
        units = HALF_UNITS / (1 - math.sqrt(1 - share)) if share < 1 else HALF_UNITS
        return max(1, round(units * UNIT / CHUNK_TILES)) * CHUNK_TILES


def meadow(scene: Scene) -> TileMap:
    """A flat square on which players appear uniformly."""
    side = scene.side
    drawn = np.random.Generator(np.random.PCG64(12345))  # noqa: TID251  # of a benchmark's map, not of the rules
    spawns = drawn.integers(1, side - 1, (max(2048, scene.players), 2))
    flat = np.zeros((side, side), np.uint8)
    herd = drawn.integers(1, side - 1, (scene.deer, 2))
    return make_map(flat, flat.copy(), player_spawns=spawns, deer_spawns=herd)


async def measure(scene: Scene, say: Any) -> Row:
    """One run in a world of its own."""
    with tempfile.TemporaryDirectory(prefix="everloom-bench-") as folder:
        home = Path(folder) / "w"
        found_world(WorldDir(home), meadow(scene), scene.shape, (0, scene.deer, 0))
        async with _up(home) as (process, port):
            kept = bytes_in(home / "store")
            crowd = await _crowd(scene, home, port, say)
            outside = await connect_to(home)
            pulse = Pulse()
            await pulse.listen(outside, "*")
            for child in crowd:
                assert child.stdin is not None
                child.stdin.write(b"go\n")
            say(f"{scene.name}: warming up for {scene.pause_s:.0f} s")
            await asyncio.sleep(scene.pause_s)
            before, began, logged = spent(process.pid), time.monotonic(), bytes_in(home / "log")
            idle = busy_s()
            say(f"{scene.name}: measuring for {scene.seconds:.0f} s")
            await asyncio.sleep(scene.seconds)
            took, after, busy = time.monotonic() - began, spent(process.pid), busy_s()
            sample = pulse.sample()
            logged = bytes_in(home / "log") - logged
            reports = [json.loads((await child.communicate())[0].decode().strip().splitlines()[-1]) for child in crowd]
            await asyncio.sleep(SETTLE_S)  # until nobody is on the way from region to region
            end = pulse.sample()
            sample["entities"], sample["players"] = end["entities"], end["players"]
            await outside.close()
        summary = process.returned
        kept = bytes_in(home / "store") - kept
    row = _row(scene, reports, before, after, took, busy - idle, sample, summary)
    lived_s = (summary.get("ticks") or 1) / (scene.shape[0] * scene.shape[1]) / TICKS_PER_SECOND
    return row | {"log_kb_s": round(logged / took / 1000, 2), "archive_kb_s": round(kept / lived_s / 1000, 2)}


def bytes_in(folder: Path) -> int:
    """What the files in and below a folder hold; those that are gone meanwhile hold nothing."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


class _Process:
    """`everloom up`, and at its end what it said."""

    def __init__(self, process: "asyncio.subprocess.Process") -> None:
        self.process = process
        self.pid = process.pid
        self.returned: dict[str, Any] = {}


@asynccontextmanager
async def _up(home: Path) -> AsyncIterator[tuple[_Process, int]]:
    port = free_port()
    command = [sys.executable, "-m", "clients.cli", "up", "--world", str(home), "--port", str(port), "--ao-port", "0"]
    process = await asyncio.create_subprocess_exec(
        *command, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, limit=1 << 22
    )
    held = _Process(process)
    assert process.stderr is not None
    said: list[str] = []

    async def read() -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            said.append(line.decode(errors="replace"))

    reading = asyncio.create_task(read())
    try:
        until = time.monotonic() + START_S_MAX
        while not any("the world lives" in line for line in said):
            if time.monotonic() > until or process.returncode is not None:
                raise OSError("the world did not begin: " + "".join(said[-5:]))
            await asyncio.sleep(0.1)
        yield held, port
    finally:
        if process.returncode is None:
            process.terminate()
        assert process.stdout is not None
        out = await asyncio.wait_for(process.stdout.read(), STOP_S_MAX)
        await process.wait()
        reading.cancel()
        lines = out.decode(errors="replace").strip().splitlines()
        held.returned = json.loads(lines[-1]) if lines else {}


async def _crowd(scene: Scene, home: Path, port: int, say: Any) -> list["asyncio.subprocess.Process"]:
    crowd: list[asyncio.subprocess.Process] = []
    for number in range(scene.bot_processes):
        count = scene.players // scene.bot_processes + (number < scene.players % scene.bot_processes)
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "clients.bench.light",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=1 << 22,
        )
        orders = {
            "host": "127.0.0.1",
            "port": port,
            "count": count,
            "seed": 12345 + number,
            "walk": scene.walk,
            "one_in": scene.one_in,
            "speed": scene.speed,
            "land": [scene.side, scene.side],
            "goal": list(scene.goal),
            "seconds": scene.seconds,
            "pause_s": scene.pause_s,
            "probes": scene.probes,
            "ledger": str(home / "ledgers" / f"bench-{number}.ledger"),
        }
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(json.dumps(orders).encode() + b"\n")
        crowd.append(child)
    say(f"{scene.name}: {scene.players} bots come in")
    for child in crowd:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), JOIN_S_MAX)
        told = json.loads(line or b"{}")
        if told.get("lost") or not told.get("ready"):
            say(f"{scene.name}: {told}")
    return crowd


def busy_s() -> float:
    """Seconds of CPU that the machine has spent on anything."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / CLOCK_HZ


def _row(
    scene: Scene,
    reports: list[dict[str, Any]],
    before: dict[str, float],
    after: dict[str, float],
    took: float,
    machine_s: float,
    sample: dict[str, Any],
    summary: dict[str, Any],
) -> Row:
    used = {name: after[name] - before.get(name, 0.0) for name in after if name != "client"}
    server = sum(used.values())
    bots = sum(one["bots_cpu_percent"] for one in reports) / 100
    weight = [one["bots"] / scene.players for one in reports]

    def mean(name: str) -> float:
        return round(float(sum(one[name] * share for one, share in zip(reports, weight, strict=True))), 2)

    looks = mean("looks_s_p50")
    steps: dict[str, int] = {}
    for one in reports:
        for step, count in one["rate_steps"].items():
            steps[step] = steps.get(step, 0) + count
    tick_rate = min((one["ticks_per_s"] for one in sample["regions"] if one["region"]), default=0.0) or 20.0
    return {
        "bench": scene.name,
        "players": scene.players,
        "ready": sum(one["ready"] for one in reports),
        "regions": f"{scene.shape[0]}x{scene.shape[1]}",
        "side_tiles": scene.side,
        "seconds": scene.seconds,
        "server_cpu_ms_per_tick": round(1000 * server / took / tick_rate, 2),
        "server_cpu_pct": round(100 * server / took, 1),
        "cpu_ms_per_tick_by_process": {
            name: round(1000 * seconds / took / tick_rate, 2)
            for name, seconds in sorted(used.items(), key=lambda one: -one[1])
            if seconds > 0.01
        },
        "ticks_per_s": tick_rate,
        "down_kb_s_client": round(mean("down_bytes_s_client") / 1000, 2),
        "frame_bytes": round(mean("frame_bytes")),
        "looks_s_p50": looks,
        "looks_s_min": min(one["looks_s_min"] for one in reports),
        "frames_s_client": mean("frames_s_client"),
        "gap_ms_p50": max(one["gap_ms_p50"] for one in reports),
        "gap_ms_p99": max(one["gap_ms_p99"] for one in reports),
        "gap_ms_max": max(one["gap_ms_max"] for one in reports),
        "lat_ms_p50": max(one["lat_ms_p50"] or 0 for one in reports),
        "lat_ms_p99": max(one["lat_ms_p99"] or 0 for one in reports),
        "actions_sent_s": round(sum(one["actions_sent_s"] for one in reports)),
        "actions_acked_s": round(sum(one["actions_acked_s"] for one in reports)),
        "unacknowledged": sum(one["unacknowledged"] for one in reports),
        "tick_late_ms_max": max(one["tick_late_ms_max"] for one in reports),
        "rate_steps": steps,
        "frames_slowed": sum(one["frames_slowed"] for one in reports),
        "crossed": sum(one["crossed"] for one in reports),
        "cross_gap_ms_p99": max(one["cross_gap_ms_p99"] or 0 for one in reports),
        "cross_gap_ms_max": max(one["cross_gap_ms_max"] or 0 for one in reports),
        "jump_tiles_p99": max(one["jump_tiles_p99"] or 0 for one in reports),
        "jump_tiles_max": max(one["jump_tiles_max"] or 0 for one in reports),
        "jumps_seen": sum(one["jumps_seen"] for one in reports),
        "bodies_in_regions": sample["entities"],
        "players_in_regions": sample["players"],
        "lost_connections": {why: count for one in reports for why, count in one["lost"].items()},
        "actions_lost": summary.get("actions_lost"),
        "actions_repeated": summary.get("actions_repeated"),
        "handovers": summary.get("handovers"),
        "ticks_late_10_ms": summary.get("ticks_late"),
        "ticks": summary.get("ticks"),
        "work_ms_by_phase": {one["region"]: one["work_ms"] for one in sample["regions"] if one["region"]},
        "append_ms": {one["region"]: [one["append_ms"], one["append_ms_max"]] for one in sample["regions"]},
        "memory_mb": {one["name"]: one["memory_mb"] for one in sample["processes"]},
        "bots_cpu_pct": round(100 * bots, 1),
        "other_cpu_pct": round(100 * (machine_s / took - server / took - bots), 1),
        **conditions(),
    }


def run(name: str, as_json: bool, players: int = 500, rounds: int = 1, seconds: float = 10.0) -> int:
    """Run a scene so often, keep the rows as JSON, print them; the exit status."""
    console = Console(stderr=True)
    scene = scenes(players, seconds)[name]
    rows: list[Row] = []
    for _ in range(rounds):
        rows.append(asyncio.run(measure(scene, lambda text: console.print(text, highlight=False))))
    file = keep(rows)
    if as_json:
        print(json.dumps(rows))
    else:
        Console().print(_table(rows))
        console.print(f"kept in {file}", markup=False, highlight=False, soft_wrap=True)
    return 0


def scenes(players: int, seconds: float) -> dict[str, Scene]:
    """By name."""
    return {
        "openworld": Scene("openworld", players, seconds=seconds),
        "hotspot": Scene(
            "hotspot",
            players,
            walk="point",
            seconds=2 * seconds,
            pause_s=24.0,
            side_tiles=96,
            goal=(48.0, 48.0),
            probes=2,
        ),
        "crossings": Scene(
            "crossings",
            players * 3 // 5,
            (2, 2),
            "border",
            seconds=11 * seconds,
            pause_s=25.0,
            side_tiles=160,
            goal=(80.0, 80.0),
            probes=4,
        ),
    }


def _table(rows: list[Row]) -> Table:
    table = Table(show_header=True, title="bots on the same cores; `other` is what else the machine did meanwhile")
    table.add_column("figure")
    for row in rows:
        table.add_column(f"{row['bench']} {row['players']}", justify="right")
    for key in rows[0]:
        if key not in ("bench", "players"):
            table.add_row(key.replace("_", " "), *(str(row[key]) for row in rows))
    return table
