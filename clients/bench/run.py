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

from clients.bench import ao, economy, paths

ROUNDS = 5
Row = dict[str, Any]


def run(name: str, folder: Path | None, bound: int, as_json: bool) -> int:
    """Run one benchmark, or every one that needs no argument; returns the exit status."""
    if name == "paths" and folder is not None:
        return paths.run(folder, as_json, bound)
    if name == "ao":
        return ao.run(as_json)
    if name == "economy":
        return economy.run(as_json)
    chosen = {name: BENCHMARKS[name]} if name in BENCHMARKS else BENCHMARKS
    if name and name not in BENCHMARKS:
        raise ValueError(
            f"there is no benchmark {name!r}; choose ao, economy, paths DIR, or one of {', '.join(BENCHMARKS)}"
        )
    rows = [{"bench": one, **measure(), "load": round(os.getloadavg()[0], 2)} for one, measure in chosen.items()]
    if as_json:
        print(json.dumps(rows))
        return 0
    table = Table(title="medians of five; `load` is the machine's, and other work on it slows all of this")
    for column in ("bench", "workload", "figure", "load"):
        table.add_column(column)
    for row in rows:
        figures = ", ".join(f"{key} {value}" for key, value in row.items() if key not in ("bench", "workload", "load"))
        table.add_row(row["bench"], row["workload"], figures, str(row["load"]))
    Console().print(table)
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
    from archive.keys import Ed25519Key

    key = Ed25519Key.generate()
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

    return {
        "workload": "Ed25519 items of 1 KiB",
        "verified_per_s": round(1 / _median(check)),
        "signed_per_s": round(1 / _median(make)),
    }


BENCHMARKS: dict[str, Callable[[], Row]] = {
    "tick": tick,
    "encode": encode,
    "delta": delta,
    "log": log,
    "items": items,
}
