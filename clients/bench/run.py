"""`everloom bench [NAME]`: what one core does in a second, each row naming its workload. Figures, never assertions."""

import asyncio
import hashlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from clients.bench import ao, crowds, economy, growth, history, paths, scaling
from clients.bench.conditions import compared, conditions, keep
from clients.bench.physics import physics
from clients.bench.whole import whole
from clients.bench.wire import wire

ROUNDS = 5
ABOUT = ("bench", "workload", "load", "cpu", "cores", "commit", "at")
Row = dict[str, Any]


def run(name: str, folder: Path | None, bound: int, as_json: bool, compare: Path | None = None) -> int:
    """Run one benchmark, or every one that needs no argument; returns the exit status.

    The rows are kept in a file. `compare` is such a file of an earlier run to put the figures beside.
    """
    if name == "paths" and folder is not None:
        return paths.run(folder, as_json, bound)
    if name in WORLDS:
        return WORLDS[name](as_json)
    if name in crowds.SCENES:
        return crowds.run(name, as_json)
    if name == "growth":
        return growth.run(as_json)
    chosen = {name: BENCHMARKS[name]} if name in BENCHMARKS else BENCHMARKS
    if name and name not in BENCHMARKS:
        raise ValueError(f"there is no benchmark {name!r}; choose paths DIR or one of {', '.join(_names())}")
    rows = [{"bench": one, **measure(), **conditions()} for one, measure in chosen.items()]
    file = keep(rows)
    if as_json:
        print(json.dumps(rows))
        return 0
    console, at = Console(), rows[0]
    title = f"medians, at least of five; commit {at['commit']}, compiled for {at['cpu']}, {at['cores']} cores"
    table = Table(title=title, caption="`load` is the machine's, and other work on it slows all of this")
    for column in ("bench", "workload", "figure", "load"):
        table.add_column(column)
    for row in rows:
        figures = "\n".join(f"{key} {value}" for key, value in row.items() if key not in ABOUT)
        table.add_row(row["bench"], row["workload"], figures, str(row["load"]))
    console.print(table)
    if compare is not None:
        console.print(compared(rows, compare))
    console.print(f"kept in {file}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _median(work: Callable[[], int]) -> float:
    """Seconds of CPU for one unit of work, as the median of ROUNDS; `work` returns how many units it did."""
    figures = []
    for _ in range(ROUNDS):
        began = time.process_time()
        done = work()
        figures.append((time.process_time() - began) / done)
    return statistics.median(figures)


def _region(population: tuple[int, int, int] = (900, 900, 200)) -> Any:
    from world.generate import generate
    from world.genesis import genesis

    return genesis(generate(1), (0, 0, 256, 256), (), 1, 1, population)


def tick() -> Row:
    """The rules alone."""
    from world.state import VX, VY
    from world.tick import Inputs, advance

    state = _region()
    number = 0

    def work() -> int:
        nonlocal number
        for _ in range(200):
            number += 1
            advance(state, Inputs(key=hashlib.sha256(number.to_bytes(8, "little")).digest()))
        return 200

    work()
    seconds = _median(work)
    moving = int(((state.rows[VX] != 0) | (state.rows[VY] != 0)).sum())
    workload = f"built-in world in one region, {len(state.index)} bodies, {moving} moving, no players"
    return {"workload": workload, "us_per_tick": round(seconds * 1e6), "bodies_in_25_ms": _in_25_ms(state, seconds)}


def _in_25_ms(state: Any, seconds: float) -> int:
    return int(0.025 / seconds * len(state.index))


def encode() -> Row:
    """State to canonical bytes and back, and the hash."""
    from world import encoding

    state = _region()
    raw = encoding.encode(state)
    return {
        "workload": f"state of {len(state.index)} bodies, {len(raw)} bytes",
        "encode_us": round(_median(lambda: sum(bool(encoding.encode(state)) for _ in range(50))) * 1e6),
        "decode_us": round(_median(lambda: sum(bool(encoding.decode(raw)) for _ in range(50))) * 1e6),
        "digest_us": round(_median(lambda: sum(bool(encoding.digest(state)) for _ in range(50))) * 1e6),
    }


def delta() -> Row:
    """One tick's change as shared bytes, and what a receiver of all of it spends."""
    from world.delta import encode_key, encode_tick
    from world.mirror import Mirror
    from world.shown import wire_rows
    from world.tick import Inputs, advance

    state = _region()
    before = wire_rows(state)
    mirror = Mirror(before.land)
    for chunk in range(len(before.starts) - 1):
        mirror.apply([chunk], encode_key(before, chunk))
    sizes, moved, encoding_s, applying_s = 0, 0, [], []
    for number in range(300):
        advance(state, Inputs(key=hashlib.sha256(number.to_bytes(8, "little")).digest()))
        began = time.process_time()
        now = wire_rows(state, (), before)
        index, data = encode_tick(before, now)
        middle = time.process_time()
        mirror.apply(index[:, 0], data)
        encoding_s.append(middle - began)
        applying_s.append(time.process_time() - middle)
        sizes += len(data)
        moved += int((now.cols[:, 2:4] != 0).any(axis=1).sum())
        before = now
    return {
        "workload": f"{len(state.index)} bodies in 256 chunks, 300 ticks",
        "bytes_per_moving_body": round(sizes / max(1, moved), 2),
        "encode_us": round(statistics.median(encoding_s) * 1e6),
        "apply_us": round(statistics.median(applying_s) * 1e6),
    }


def log() -> Row:
    """Appends to a real log server on this disk, one after the other, each synced."""
    return asyncio.run(_log())


async def _log() -> Row:
    from regions.shell.nats import connect
    from regions.shell.nats_log import Log
    from regions.shell.nats_server import NatsServer

    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        await server.start()
        outside = await connect(server.url, server.token, "bench")
        try:
            records = Log(outside, "bench")
            await records.create(1, 64 << 20)
            took = []
            for position in range(1, 501):
                began = time.perf_counter()
                await records.append(position, os.urandom(2048))
                took.append((time.perf_counter() - began) * 1000)
        finally:
            await outside.close()
            await server.stop()
    took.sort()
    workload = "500 records of 2 KiB, sync_interval always"
    return {"workload": workload, "append_ms_p50": round(took[250], 2), "append_ms_p99": round(took[495], 2)}


def items() -> Row:
    """ANS-104 items made and checked."""
    from archive.data_item import parse_item, sign_item
    from archive.deep_hash import deep_hash
    from archive.keys import Ed25519Key

    key = Ed25519Key.generate()
    bulk = os.urandom(32 << 20)
    data, tags = os.urandom(1024), [("Type", "Bench"), ("Content-Type", "application/octet-stream")]
    raw = sign_item(key, data, tags).raw

    def check() -> int:
        for _ in range(200):
            parse_item(raw).verify()
        return 200

    def make() -> int:
        for _ in range(200):
            sign_item(key, data, tags)
        return 200

    def hash_bulk() -> int:
        deep_hash([b"dataitem", b"1", bulk])
        return len(bulk)

    return {
        "workload": f"Ed25519 items of 1 KiB; deep hash of {len(bulk) >> 20} MiB; one core",
        "verified_per_s": round(1 / _median(check)),
        "signed_per_s": round(1 / _median(make)),
        "deep_hash_gb_per_s": round(1e-9 / _median(hash_bulk), 3),
    }


def ways() -> Row:
    """What NPCs' path-finding does in a second of CPU."""
    import numpy as np

    from world.flow_fields import flow_field

    blocked = paths.random_map()
    goals = np.array([[256, 256]], np.int32)
    blocked[256, 256] = 0

    def fill() -> int:
        for _ in range(5):
            flow_field(blocked, goals)
        return 5

    fill()
    rates = [paths.random_rate() for _ in range(ROUNDS)]
    return {
        "workload": f"512 x 512 tiles, 20 % blocked at random: {paths.RANDOM_PATHS} random paths within 32 tiles, one "
        "flow field over all of it; medians of five",
        "paths_per_s_radius_32": round(statistics.median(rates)),
        "flow_field_ms": round(_median(fill) * 1000, 2),
    }


def _names() -> list[str]:
    return [*BENCHMARKS, *WORLDS, *crowds.SCENES, "growth"]


WORLDS: dict[str, Callable[[bool], int]] = {
    "ao": ao.run,
    "economy": economy.run,
    "history": history.run,
    "scaling": scaling.run,
}
"""Those that need a whole world; they take minutes and run only when they are named."""

BENCHMARKS: dict[str, Callable[[], Row]] = {
    "physics": physics,
    "whole": whole,
    "wire": wire,
    "tick": tick,
    "encode": encode,
    "delta": delta,
    "log": log,
    "items": items,
    "ways": ways,
}
