"""openworld-v1 with Everloom, Colyseus and nengi by turns, on one machine: `python -m tests.benchmarks.peers`.

The peers' servers are the least that plays the workload: no log, no rules, no signatures. Their bots decode nothing, as
ours do. Colyseus wants Node 22 (from npm); nengi's loader wants an older one: the machine's. nengi's own websocket
library builds for Node 14 only; it is given `ws` instead.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from clients.bench import crowds
from clients.bench.conditions import conditions, keep
from regions.shell.nats_server import free_port
from regions.shell.usage import used
from tests.node_packages import node_with

HERE = Path(__file__).resolve().parent
WARM_UP_S = 6
PEERS = ("colyseus", "nengi")
SHOWN = (
    "server_cpu_ms_per_tick", "down_kb_s_client", "frames_s_p50", "gap_ms_p99", "server_rss_mb", "bots_cpu_pct",
    "other_cpu_pct",
)  # fmt: skip
Row = dict[str, Any]


async def peer(kind: str, players: int, seconds: float) -> Row:
    """One run of a peer."""
    system = node_with(HERE, "node_modules/nengi/package.json")
    node = str(HERE / "node_modules" / ".bin" / "node") if kind == "colyseus" else system
    port = free_port()
    server = await _started(node, f"{kind}.mjs", str(port), str(players))
    try:
        bots = await _started(node, "bots.mjs", kind, str(port), str(players), str(WARM_UP_S), str(seconds))
        assert bots.stdin is not None and bots.stdout is not None
        bots.stdin.write(b"go\n")
        await asyncio.sleep(WARM_UP_S)
        before, busy = used(server.pid), crowds.busy_s()
        await asyncio.sleep(seconds)
        after, busy = used(server.pid), crowds.busy_s() - busy
        report = json.loads((await bots.stdout.read()).decode().strip().splitlines()[-1])
        await bots.wait()
    finally:
        server.kill()
        await server.wait()
    assert before is not None and after is not None
    cpu_s = (after[0] - before[0]) / 1e6
    return {
        "bench": "openworld",
        "server": kind,
        "players": players,
        "server_cpu_ms_per_tick": round(1000 * cpu_s / seconds / report["frames_s_p50"], 2),
        "down_kb_s_client": round(report["down_bytes_s_client"] / 1000, 2),
        "frames_s_p50": round(report["frames_s_p50"], 2),
        "gap_ms_p99": round(report["gap_ms_p99"], 1),
        "server_rss_mb": round(after[1] / 1024),
        "bots_cpu_pct": round(report["bots_cpu_percent"], 1),
        "other_cpu_pct": round(100 * (busy - cpu_s) / seconds - report["bots_cpu_percent"], 1),
        "load": round(os.getloadavg()[0], 2),
    }


async def _started(*command: str) -> "asyncio.subprocess.Process":
    child = await asyncio.create_subprocess_exec(
        *command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 22
    )
    assert child.stdout is not None
    line = await asyncio.wait_for(child.stdout.readline(), 120)
    if not line.startswith(b"{"):
        raise OSError(f"{' '.join(command[1:])}: {line!r}")
    return child


async def ours(players: int, seconds: float, say: Any) -> Row:
    """One run of Everloom: every process of the world counts as its server."""
    row = await crowds.measure(crowds.scenes(players, seconds)["openworld"], say)
    more = {
        "server": "everloom",
        "frames_s_p50": row["looks_s_p50"],
        "server_rss_mb": round(sum(row["memory_mb"].values())),
    }
    return row | more


def main() -> int:
    """Run them by turns; medians and ratios."""
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    asked.add_argument("--players", type=int, default=500)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--seconds", type=float, default=10.0)
    asked.add_argument("--json", action="store_true")
    wanted = asked.parse_args()
    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, highlight=False)

    rows: list[Row] = []
    for _ in range(wanted.rounds):
        rows.append(asyncio.run(ours(wanted.players, wanted.seconds, say)))
        for kind in PEERS:
            say(f"{kind}: {wanted.players} bots")
            rows.append(asyncio.run(peer(kind, wanted.players, wanted.seconds)))
    medians = {kind: _median([row for row in rows if row["server"] == kind]) for kind in ("everloom", *PEERS)}
    us = medians["everloom"]
    for kind in PEERS:
        for name in ("server_cpu_ms_per_tick", "down_kb_s_client"):
            us[f"{name}_to_{kind}"] = round(us[name] / medians[kind][name], 2)
    kept = keep([{"bench": "peers", **conditions(), "medians": medians, "rows": rows}])
    if wanted.json:
        print(json.dumps({"medians": medians, "rows": rows}))
        return 0
    table = Table(
        title=f"openworld-v1, {wanted.players} players, medians of {wanted.rounds} runs by turns; kept in {kept}"
    )
    for column in ("figure", *medians):
        table.add_column(column, justify="right")
    for name in us:
        table.add_row(name.replace("_", " "), *(str(one.get(name, "")) for one in medians.values()))
    Console().print(table)
    return 0


def _median(rows: list[Row]) -> Row:
    return {name: round(statistics.median(row[name] for row in rows), 2) for name in SHOWN}


if __name__ == "__main__":
    sys.exit(main())
