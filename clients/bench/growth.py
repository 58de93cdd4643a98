"""`everloom bench growth`: what it costs to have more players, more regions, more bodies; and, on paper, a large world.

Players and regions are measured in whole worlds (`clients.bench.crowds`), bodies in the rules alone. Costs are lines
through what was measured: so much for a region, so much for each player in it. What a large world needs is reckoned
from those lines, with nothing added for what was not measured (other machines' networks, a log of three copies is
three times the disk).
"""

import asyncio
import hashlib
import json
import time
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from clients.bench import crowds
from clients.bench.conditions import Row, conditions, keep
from clients.bench.crowds import Scene

PLAYERS: Final = (100, 250, 500, 700)
SHAPES: Final = ((1, 1), (2, 2), (4, 4))
BODIES: Final = (1000, 2000, 4000, 8000)
SIDE_TILES: Final = 256  # of the worlds with several regions
FEW: Final = 50  # players in those
NODES: Final = 100
REGIONS: Final = 10_000
PER_REGION: Final = 50  # players of the world on paper: half a million
TICKS: Final = 100
DAY_S: Final = 86_400
HELD: Final = 19  # looks a second; with fewer the machine is full, and what it spends says nothing
COPIES: Final = 3  # of each log, in a cluster


def run(as_json: bool, seconds: float = 10.0) -> int:
    """Measure all of it and print it; the exit status."""
    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, highlight=False)

    players = [asyncio.run(crowds.measure(Scene("growth", count, seconds=seconds), say)) for count in PLAYERS]
    regions = [
        asyncio.run(crowds.measure(Scene("growth", FEW, shape, seconds=seconds, side_tiles=SIDE_TILES), say))
        for shape in SHAPES
    ]
    found: Row = {
        "bench": "growth",
        "players": players,
        "regions": regions,
        "bodies": [bodies(count) for count in BODIES],
        **conditions(),
    }
    found["lines"] = lines(players, regions)
    found["paper"] = paper(found["lines"])
    kept = keep([found])
    if as_json:
        print(json.dumps(found))
        return 0
    for table in _tables(found):
        Console().print(table)
    Console(stderr=True).print(f"kept in {kept}", markup=False, highlight=False, soft_wrap=True)
    return 0


def bodies(count: int) -> Row:
    """The rules, the state's bytes and hash and what clients are shown, for so many NPCs in one region."""
    from world import encoding
    from world.delta import encode_tick
    from world.generate import generate
    from world.genesis import genesis
    from world.shown import wire_rows
    from world.state import VX, VY
    from world.tick import Inputs, advance

    third = count * 9 // 20
    state = genesis(generate(1), (0, 0, 256, 256), (), 1, 1, (third, third, count - 2 * third))
    shown = wire_rows(state)
    spent: dict[str, list[float]] = {"rules": [], "deltas": [], "hash": []}
    for number in range(3 * TICKS):
        began = time.process_time()
        advance(state, Inputs(key=hashlib.sha256(number.to_bytes(8, "little")).digest()))
        ruled = time.process_time()
        now = wire_rows(state, (), shown)
        encode_tick(shown, now)
        shown, told = now, time.process_time()
        if number < 2 * TICKS:
            continue
        raw = encoding.encode(state)
        hashlib.sha256(raw).digest()
        spent["rules"].append(ruled - began)
        spent["deltas"].append(told - ruled)
        spent["hash"].append((time.process_time() - told) / 32)  # every 32nd record has one
    moving = int(((state.rows[VX] != 0) | (state.rows[VY] != 0)).sum())
    mean_ms = {name: round(1000 * float(np.median(all_s)), 3) for name, all_s in spent.items()}
    return {"bodies": len(state.index), "moving": moving, "state_bytes": len(raw), "ms_per_tick": mean_ms}


def lines(players: list[Row], regions: list[Row]) -> Row:
    """Each cost as (of a world with one empty region, of each further player) or (..., of each further region)."""
    players = [row for row in players if row["looks_s_p50"] >= HELD] or players[:2]
    counts = [row["players"] for row in players]
    shapes = [a * b for a, b in SHAPES]

    def cpu(row: Row, *names: str) -> float:
        used: dict[str, float] = row["cpu_ms_per_tick_by_process"]
        return float(sum(ms for name, ms in used.items() if not names or name.startswith(names)))

    def line(at: list[int], figures: list[float]) -> list[float]:
        slope, base = np.polyfit(at, figures, 1)
        return [round(float(base), 4), round(float(slope), 5)]

    return {
        "cpu_ms_per_tick_by_player": line(counts, [cpu(row) for row in players]),
        "gateway_ms_by_player": line(counts, [cpu(row, "gateway") for row in players]),
        "region_ms_by_player": line(counts, [cpu(row, "region") for row in players]),
        "log_server_ms_by_player": line(counts, [cpu(row, "nats") for row in players]),
        "log_kb_s_by_player": line(counts, [row["log_kb_s"] for row in players]),
        "archive_kb_s_by_player": line(counts, [row["archive_kb_s"] for row in players]),
        "down_kb_s_of_a_player": [row["down_kb_s_client"] for row in players],
        "region_ms_by_region": line(shapes, [cpu(row, "region") for row in regions]),
        "log_server_ms_by_region": line(shapes, [cpu(row, "nats") for row in regions]),
        "archivist_ms_by_region": line(shapes, [cpu(row, "archivist") for row in regions]),
        "gateway_ms_by_region": line(shapes, [cpu(row, "gateway") for row in regions]),
        "log_kb_s_by_region": line(shapes, [row["log_kb_s"] for row in regions]),
        "archive_kb_s_by_region": line(shapes, [row["archive_kb_s"] for row in regions]),
        "memory_mb_of_a_region": _region_mb(regions[-1]),
    }


def _region_mb(row: Row) -> float:
    held = [mb for name, mb in row["memory_mb"].items() if name.startswith("region")]
    return round(float(sum(held)) / max(1, len(held)), 1)


def paper(line: Row) -> Row:
    """What NODES machines with REGIONS regions and PER_REGION players in each need."""
    each = REGIONS // NODES
    players = REGIONS * PER_REGION
    region_ms = line["region_ms_by_region"][1] + PER_REGION * line["region_ms_by_player"][1]
    gateway_ms = PER_REGION * line["gateway_ms_by_player"][1]
    server_ms = line["log_server_ms_by_region"][1] + PER_REGION * line["log_server_ms_by_player"][1]
    archivist_ms = line["archivist_ms_by_region"][1]
    log_kb_s = line["log_kb_s_by_region"][1] + PER_REGION * line["log_kb_s_by_player"][1]
    archive_kb_s = line["archive_kb_s_by_region"][1] + PER_REGION * line["archive_kb_s_by_player"][1]
    cores = each * (region_ms + gateway_ms + COPIES * server_ms + archivist_ms) / 50
    return {
        "nodes": NODES,
        "regions": REGIONS,
        "players": players,
        "streams": REGIONS + 1,
        "appends_per_s": REGIONS * 20,
        "fsyncs_per_s_and_node": each * 20 * COPIES,
        "cores_per_node": round(cores, 1),
        "memory_gb_per_node": round(each * line["memory_mb_of_a_region"] / 1000, 1),
        "log_mb_s_per_node": round(each * log_kb_s * COPIES / 1000, 2),
        "players_down_mb_s_per_node": round(each * PER_REGION * line["down_kb_s_of_a_player"][0] / 1000, 1),
        "archive_gb_per_day": round(REGIONS * archive_kb_s * DAY_S / 1e6),
    }


def _tables(found: Row) -> list[Table]:
    more = Table(title="whole worlds: more players in one region, more regions for 50 players")
    names = [
        *(
            "players",
            "regions",
            "looks_s_p50",
            "server_cpu_ms_per_tick",
            "down_kb_s_client",
            "log_kb_s",
            "archive_kb_s",
        ),
        *("gap_ms_p99", "bots_cpu_pct", "other_cpu_pct"),
    ]
    for name in names:
        more.add_column(name.replace("_", " "), justify="right")
    for row in [*found["players"], *found["regions"]]:
        more.add_row(*(str(row[name]) for name in names))
    alone = Table(title="rules alone: more bodies in one region")
    for name in ("bodies", "moving", "state bytes", "rules ms", "deltas ms", "hash ms"):
        alone.add_column(name, justify="right")
    for row in found["bodies"]:
        spent = row["ms_per_tick"]
        alone.add_row(
            *(str(row[name]) for name in ("bodies", "moving", "state_bytes")),
            *(str(spent[name]) for name in ("rules", "deltas", "hash")),
        )
    reckoned = [_pairs("lines: [of one, of each more]", found["lines"]), _pairs("on paper", found["paper"])]
    return [more, alone, *reckoned]


def _pairs(title: str, figures: dict[str, Any]) -> Table:
    table = Table(title=title, show_header=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    return table
